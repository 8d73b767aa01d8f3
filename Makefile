# Shortcuts; the build itself is CMake's (see CMakePresets.json). `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build package demo run test sim check-long check-package check-docker check-libcxx check-bare chaos soak bench bench-trust fuzz format clean

GATEWAY ?= echo
CONFIG ?=
MINUTES ?= 10
EXCHANGES ?= 100000
KILLS ?= 1000
SEED ?=
TARGET ?=
SEEDS ?=
AGAINST ?=
COMPILE ?=
# CMake reads this when a build folder is first configured; without ccache the compiler is called directly.
with_ccache = CMAKE_CXX_COMPILER_LAUNCHER="$$(command -v ccache || true)"
program = build/release/bridge/clawbridge

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## install every Debian package that building and testing needs, and OpenClaw for the tests
	@tests/support/setup.sh test

build: ## the program, optimized: build/release/bridge/clawbridge
	@tests/support/setup.sh build
	$(with_ccache) cmake --preset release $(if $(wildcard build/release/CMakeCache.txt),>/dev/null)
	cmake --build --preset release --target clawbridge

package: build ## a Debian package and an archive: build/release/*.deb, build/release/*.tar.gz
	cd build/release && cpack

demo: build ## two bridges, a broker, a message and its reply; GATEWAY=openclaw: with two real gateways
	@$(if $(filter openclaw,$(GATEWAY)),tests/support/setup.sh openclaw)
	@tests/support/demo.sh $(program) $(GATEWAY)

run: build ## one bridge beside a local gateway: CONFIG=clawbridge.yaml, or nothing for OpenClaw's own settings
	exec $(program) run $(if $(CONFIG),--config "$(CONFIG)")

test: setup ## everything that must pass: sanitizers, unit tests, real brokers, real gateways
	$(with_ccache) cmake --workflow --preset asan

sim: setup ## the simulator: SEEDS=100000, or for MINUTES=10
	$(with_ccache) cmake --preset asan
	cmake --build --preset asan --target sim
	build/asan/tests/sim/sim $(if $(SEEDS),--seeds $(SEEDS),--minutes $(MINUTES))

check-long: setup ## what takes longer: hundreds of kills under load, the thread sanitizer, half an hour of fuzzing, libc++
	$(with_ccache) cmake --preset asan
	cmake --build --preset asan
	ctest --test-dir build/asan -L long --output-on-failure --no-tests=error
	$(with_ccache) cmake --preset release
	cmake --build --preset release --target clawbridge clawbridge_bench
	CLAWBRIDGE_BIN=$(program) CLAWBRIDGE_OFFLINE_QUEUE=10000 /usr/bin/python3 -B tests/integration/test_offline_queue.py
	$(with_ccache) cmake --workflow --preset tsan
	$(MAKE) fuzz MINUTES=10
	$(MAKE) check-libcxx check-package check-docker

chaos: setup ## kills and cuts under load, judged: EXCHANGES=100000 KILLS=1000; SEED= repeats a schedule
	$(with_ccache) cmake --preset release
	cmake --build --preset release --target clawbridge
	CLAWBRIDGE_BIN=$(program) /usr/bin/python3 -B tests/chaos/run.py --exchanges $(EXCHANGES) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

soak: setup ## a day of use in minutes, after which nothing may have grown: EXCHANGES=100000
	$(with_ccache) cmake --preset release
	cmake --build --preset release --target clawbridge
	CLAWBRIDGE_BIN=$(program) /usr/bin/python3 -B tests/bench/soak.py --exchanges $(EXCHANGES)

check-package: package ## the packages installed and run on a bare Debian 12 tree, made by debootstrap (as root)
	@tests/support/setup.sh install
	CLAWBRIDGE_BUILD=build/release /usr/bin/python3 -B tests/install/test_package.py

check-docker: package ## every step of docker/ in bare trees, without an engine (as root); COMPILE=1: also the one that compiles
	@tests/support/setup.sh install
	CLAWBRIDGE_BUILD=build/release CLAWBRIDGE_DOCKER_COMPILES=$(COMPILE) /usr/bin/python3 -B tests/install/test_docker.py

check-libcxx: ## every source compiled with clang and libc++, much as on macOS; the simulator does there what it does here
	@tests/support/setup.sh libcxx
	$(with_ccache) cmake --preset libcxx
	cmake --build --preset libcxx
	$(with_ccache) cmake --preset asan
	cmake --build --preset asan --target sim
	here=$$(build/asan/tests/sim/sim --seeds 3000 | grep ^traces); there=$$(build/libcxx/tests/sim/sim_linked --seeds 3000 | grep ^traces); \
	  echo "GCC and libstdc++: $$here; clang and libc++: $$there"; [ "$$here" = "$$there" ]

check-bare: ## `make demo` and `make test` on a Debian 12 that has nothing but its base system (as root)
	tests/support/bare_machine.sh /var/tmp/clawbridge-bare make demo
	tests/support/bare_machine.sh /var/tmp/clawbridge-bare make test

bench: setup ## one table: raw Paho beside the full path; AGAINST=PROGRAM: beside an earlier clawbridge instead
	$(with_ccache) cmake --preset release
	cmake --build --preset release --target clawbridge clawbridge_bench
	/usr/bin/python3 -B tests/bench/run.py --build build/release $(if $(AGAINST),--against "$(AGAINST)")

fuzz: ## the parsers under libFuzzer: MINUTES=10 for each, TARGET=topic for one alone
	@tests/support/setup.sh fuzz
	$(with_ccache) cmake --preset fuzz
	cmake --build --preset fuzz
	/usr/bin/python3 -B tests/fuzz/run.py --build build/fuzz --minutes $(MINUTES) $(if $(TARGET),--target $(TARGET))

bench-trust: setup ## what authentication and sealing cost
	$(with_ccache) cmake --preset release
	cmake --build --preset release --target clawbridge clawbridge_bench clawbridge_unauthenticated
	/usr/bin/python3 -B tests/bench/trust.py --build build/release

format: ## lay out every C++ file
	@command -v clang-format >/dev/null || { echo 'clang-format is missing: apt-get install clang-format' >&2; exit 1; }
	git ls-files -co --exclude-standard -z '*.h' '*.cpp' | xargs -0 clang-format -i

clean: ## remove every build
	rm -rf build
