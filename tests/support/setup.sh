#!/usr/bin/env bash
# setup.sh build|openclaw|test|install|fuzz|libcxx: installs what is missing on a Debian 12, as root or with sudo. Says nothing and changes
# nothing when all is there.
#   build     compiler, libraries, mosquitto for the demo
#   openclaw  build, and OpenClaw 2026.9.6 for `make demo GATEWAY=openclaw` (from npm, into the user's cache)
#   test      everything the tests need: both OpenClaw versions, the official MCP client, the other brokers, Python's
#             schema, cryptography, websockets and reader of metrics; a Chromium without a window
#   install   what the tests of packages and container need: debootstrap
#   fuzz      build, and clang 14 with its libFuzzer and sanitizers
#   libcxx    build, and clang 16 with its own standard library, which Debian lets stand beside no other version of that
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
what=${1:-test}

build_packages=(g++ cmake ninja-build make git pkg-config ccache ca-certificates
  libpaho-mqttpp-dev libpaho-mqtt-dev nlohmann-json3-dev libyaml-cpp-dev libspdlog-dev libboost-dev libsqlite3-dev
  libsodium-dev libssl-dev libsimdjson-dev libcli11-dev prometheus-cpp-dev libmimalloc-dev libgtest-dev libgmock-dev dpkg-dev file
  mosquitto mosquitto-clients python3)
fuzz_packages=(clang-14 libclang-rt-14-dev)
libcxx_packages=(clang-16 libc++-16-dev libc++abi-16-dev)
install_packages=(debootstrap python3-yaml)
test_packages=(systemd python3-jsonschema python3-cryptography python3-yaml python3-websockets python3-prometheus-client openssl nats-server
  chromium-headless-shell fonts-inter fonts-jetbrains-mono)  # the web page is looked at in a real browser

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian starts a broker as soon as its package is installed, on the usual port and at every boot. The tests start
# their own: a service that was not there before stays off.
install_without_services() {
  local policy=/usr/sbin/policy-rc.d made_policy=no package
  if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  local result=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || result=$?
  if [ "$made_policy" = yes ]; then as_root rm -f "$policy"; fi
  for package in "$@"; do
    case $package in
      mosquitto | nats-server)
        if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet "$package.service" || true; fi ;;
    esac
  done
  return "$result"
}

install_missing() {
  local missing=() package
  for package in "$@"; do is_installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || { echo "setup.sh: missing ${missing[*]}, and this is no Debian: install them by hand" >&2; exit 1; }
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "setup.sh: run as root, or install sudo: apt-get install ${missing[*]}" >&2; exit 1
  fi
  echo "installing ${missing[*]}"
  as_root apt-get update -qq
  install_without_services "${missing[@]}"
}

install_openclaw() {
  command -v npm >/dev/null || install_missing nodejs npm
  local version
  for version in "$@"; do OPENCLAW_VERSION=$version "$here/openclaw-lab/install.sh" >/dev/null; done
}

case $what in
  build) install_missing "${build_packages[@]}" ;;
  openclaw) install_missing "${build_packages[@]}"; install_openclaw 2026.9.6 ;;
  test) install_missing "${build_packages[@]}" "${test_packages[@]}"; install_openclaw 2026.9.6 2026.3.8
    "$here/mcp-client/install.sh" >/dev/null ;;
  install) install_missing "${build_packages[@]}" "${install_packages[@]}" ;;
  fuzz) install_missing "${build_packages[@]}" "${fuzz_packages[@]}" ;;
  libcxx) install_missing "${build_packages[@]}" "${libcxx_packages[@]}" ;;
  *) echo "usage: setup.sh build|openclaw|test|install|fuzz|libcxx" >&2; exit 2 ;;
esac
