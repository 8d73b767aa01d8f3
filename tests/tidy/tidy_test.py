#!/usr/bin/python3
"""Reads the sources and fails on what the structure forbids: an include or identifier across the border of the core,
an adapter that knows another, a source no target builds, a test no suite runs, a folder nobody planned.

    tidy_test.py [--build DIR]     DIR: a build folder whose compile_commands.json names every compiled source
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = None

TOP_LEVEL = {
    "CMakeLists.txt", "bridge", "topics", "config", "docker", "tests", "README.md", "COOKBOOK.md", "TAILSCALE.md", "TROUBLESHOOTING.md",
    "packaging",  # the layout
    "CMakePresets.json", "Makefile", "vcpkg.json", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", ".clang-format", ".clang-tidy",
    ".gitignore", ".ci", ".git",  # the usual root files
}
NOT_OURS = {"build", ".cache", "compile_commands.json"}  # ignored by git

ADAPTERS = {"mqtt", "gateway", "api", "store", "crypto", "observe"}

# Which folders' headers a folder may include, beside its own.
MAY_INCLUDE = {
    "topics": set(),
    "config": {"topics"},
    "core": {"topics"},
    "runtime": {"topics", "core"},
    "brokers": {"topics"},
    "mcp": {"topics"},
    "setup": {"topics", "config"},
    "doctor": {"topics"},
    "cli": {"topics", "config", "core", "crypto", "observe", "brokers", "mcp", "setup", "doctor"},
    **{adapter: {"topics", "core"} for adapter in ADAPTERS},
    "api": {"topics", "core", "mcp"},
}
# Shared tools, not adapters: one header each, named. What a doctor wants to see are plain values, which adapters fill in.
MAY_INCLUDE_HEADER = {"cli": {"bridge/runtime/asio.h"}, "api": {"bridge/runtime/asio.h"}, "gateway": {"bridge/runtime/asio.h"}, "mqtt": {"bridge/runtime/asio.h", "bridge/doctor/observations.h"},
                      "store": {"bridge/doctor/observations.h"}}

STANDARD_HEADERS_OF_THE_CORE = set("""
algorithm any array bit bitset cassert cctype charconv chrono climits cmath compare concepts cstddef cstdint cstring deque
exception functional initializer_list iterator limits list map memory new numeric optional queue ranges ratio set span
stdexcept string string_view tuple type_traits typeinfo unordered_map unordered_set utility variant vector version
""".split())

FORBIDDEN_IN_CORE = {
    r"\bnow\s*\(\s*\)": "reads a clock", r"\bsystem_clock\b": "names a clock", r"\bsteady_clock\b": "names a clock",
    r"\bhigh_resolution_clock\b": "names a clock", r"\btime\s*\(\s*(nullptr|NULL|0)\s*\)": "reads a clock",
    r"\bgettimeofday\b": "reads a clock", r"\bclock_gettime\b": "reads a clock",
    r"\bs?rand\s*\(": "draws randomness", r"\brandom_device\b": "draws randomness", r"\bmt19937": "draws randomness",
    r"\bgetrandom\b": "draws randomness", r"\bgetenv\b": "reads the environment",
    r"\b[io]?fstream\b": "opens files", r"\bfopen\b": "opens files", r"\bstd::filesystem\b": "opens files",
    r"\bsocket\s*\(": "opens sockets", r"\bmutex\b": "locks", r"\block_guard\b": "locks", r"\bunique_lock\b": "locks",
    r"\bcondition_variable\b": "locks", r"\bstd::j?thread\b": "starts threads", r"\bstd::async\b": "starts threads",
    r"\bstd::atomic\b": "shares memory between threads", r"\bsleep_(for|until)\b": "sleeps", r"\bthread_local\b": "keeps state per thread",
    r"\bstd::(cout|cerr|clog|printf)\b": "prints", r"\bspdlog\b": "logs", r"\bnlohmann\b": "knows a JSON library",
    r"\bsimdjson\b": "knows a JSON library", r"\bsqlite3?_": "knows SQLite", r"\bboost::": "knows Boost", r"\bYAML::": "knows YAML",
    r"\bcrypto_(sign|auth|box|scalarmult|hash)": "knows libsodium", r"\bEVP_": "knows OpenSSL", r"\bmqtt::": "knows Paho",
}
FORBIDDEN_IN_TOPICS = {pattern: why for pattern, why in FORBIDDEN_IN_CORE.items() if "simdjson" not in pattern}

# What macOS has not got, or not under that name. The program calls it in files *_linux.cpp only, each with its *_macos.cpp beside it.
LINUX_ONLY = re.compile(r"""\b(epoll_\w+|inotify_\w+|fanotify_\w+|eventfd|signalfd|timerfd_\w+|memfd_create|pidfd_\w+|prctl|PR_[A-Z]+_\w+|accept4|pipe2|dup3
  |close_range|getrandom|renameat2|statx|splice|fdatasync|fallocate|posix_fallocate|posix_fadvise|gettid|syscall|ppoll|execvpe|secure_getenv|getauxval
  |get_current_dir_name|program_invocation\w*|malloc_trim|mallinfo2?|sigtimedwait|sigwaitinfo|st_[acm]tim|ucred|SO_PEERCRED|SO_BINDTODEVICE
  |SOCK_CLOEXEC|SOCK_NONBLOCK|MSG_NOSIGNAL|MSG_CMSG_CLOEXEC|TCP_USER_TIMEOUT|TCP_KEEPIDLE|O_TMPFILE|O_PATH|O_NOATIME|O_DIRECT|CLOCK_BOOTTIME
  |POLLRDHUP|SIGPWR|SIGRTMIN|F_OFD_\w+|__linux__|__GLIBC__|__GLIBCXX__)\b|"/(proc|sys)\b""", re.VERBOSE)
LINUX_HEADERS = re.compile(r"(linux|asm)/|sys/(prctl|epoll|inotify|eventfd|signalfd|timerfd|random|sysinfo|vfs|auxv|sendfile|statfs)\.h|(features|malloc|endian|byteswap)\.h")
# These choose a word that is written, and call nothing.
MAY_ASK_FOR_MACOS = {"bridge/gateway/frames.cpp", "bridge/setup/service.cpp"}

# Where this checkout lies and who works here: true on one machine only, so nothing committed may say it.
MACHINE_PATHS = re.compile("|".join(rf"(?<![\w.-]){re.escape(str(path))}(?![\w-])" for path in (ROOT, pathlib.Path.home()) if len(path.parts) > 1))
DISABLED = re.compile(r"\bDISABLED_|\bGTEST_SKIP\b|@unittest\.skip|\bskipTest\(|\bSkipTest\b|expectedFailure|\bDISABLED\s+(TRUE|ON)\b")


def tracked():
    """Every file of the project: what git would commit."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:  # an unpacked archive
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                 if path.is_file() and not {".git", *NOT_OURS, "__pycache__"} & set(path.relative_to(ROOT).parts)]
    return sorted(name for name in names if (ROOT / name).is_file())


FILES = tracked()
SOURCES = [name for name in FILES if name.endswith((".cpp", ".h"))]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def code_and_strings(name):
    """The file without comments, line by line in place."""
    return re.sub(r'(?P<string>"(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', lambda match: match["string"] or blank(match), text(name), flags=re.DOTALL)


def code(name):
    """The file without comments and string literals, line by line in place."""
    raw = re.sub(r'R"(\w*)\(.*?\)\1"', blank, text(name), flags=re.DOTALL)
    return re.sub(r'//[^\n]*|/\*.*?\*/|(?<!include )"(?:\\.|[^"\\\n])*"', blank, raw, flags=re.DOTALL)


def includes(name):
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text(name), flags=re.MULTILINE)


def folder_of(name):
    """topics, config, or the folder below bridge; None for main.cpp, tests and what is no source."""
    parts = name.split("/")
    if parts[0] in ("topics", "config"):
        return parts[0]
    return parts[1] if parts[0] == "bridge" and len(parts) > 2 else None


def owner_of_header(header):
    return folder_of(header) if header.startswith(("topics/", "config/", "bridge/")) else None


class Border(unittest.TestCase):
    def sources(self, *folders):
        found = [name for name in SOURCES if folder_of(name) in folders]
        self.assertTrue(found, f"no sources in {folders}: is the test looking in the right place?")
        return found

    def complain(self, problems):
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_core_and_topics_include_the_standard_library_and_topics_only(self):
        problems = []
        for name in self.sources("core", "topics"):
            for bracket, header in includes(name):
                if bracket == "<" and header in STANDARD_HEADERS_OF_THE_CORE:
                    continue
                if bracket == "<" and header == "simdjson.h" and name == "topics/message_decode.cpp":
                    continue
                if bracket == '"' and owner_of_header(header) in {folder_of(name), "topics"}:
                    continue
                problems.append(f"{name} includes {header}")
        self.complain(problems)

    def test_core_and_topics_use_nothing_of_the_world(self):
        problems = []
        for name in self.sources("core", "topics"):
            forbidden = FORBIDDEN_IN_CORE if folder_of(name) == "core" else FORBIDDEN_IN_TOPICS
            for number, line in enumerate(code(name).splitlines(), 1):
                for pattern, why in forbidden.items():
                    if re.search(pattern, line) and not (name == "topics/message_decode.cpp" and "JSON" in why):
                        problems.append(f"{name}:{number} {why}: {text(name).splitlines()[number - 1].strip()}")
        self.complain(problems)

    def test_folders_include_only_what_they_may(self):
        problems = []
        for name in SOURCES:
            folder = folder_of(name)
            if folder not in MAY_INCLUDE:
                continue
            for bracket, header in includes(name):
                owner = owner_of_header(header)
                if bracket != '"' or owner in MAY_INCLUDE[folder] | {folder} or header in MAY_INCLUDE_HEADER.get(folder, ()):
                    continue
                problems.append(f"{name} includes {header}, which {folder} must not know" if owner else
                                f"{name} includes {header}: paths begin at the root of the repository")
        self.complain(problems)

    def test_every_folder_of_the_bridge_is_known_here(self):
        found = {folder_of(name) for name in SOURCES} - {None}
        self.assertLessEqual(found, set(MAY_INCLUDE), "a new folder needs its line in MAY_INCLUDE")

    def test_only_mqtt_and_the_runtime_lock(self):
        problems = [f"{name}: {word}" for name in SOURCES if name.startswith("bridge/") and folder_of(name) not in ("mqtt", "runtime")
                    for word in ("std::mutex", "std::lock_guard", "std::condition_variable") if word in code(name)]
        self.complain(problems)

    def test_what_only_one_system_has_lies_in_files_that_say_so(self):
        program = [name for name in SOURCES if folder_of(name) or name.startswith("bridge/")]
        problems = [f"{name} has no {partner}" for name in program for ours, theirs in (("_linux.", "_macos."), ("_macos.", "_linux."))
                    if ours in name and (partner := name.replace(ours, theirs)) not in SOURCES]
        for name in program:
            if name.endswith(("_linux.cpp", "_macos.cpp")):
                continue
            problems += [f"{name} includes {header}" for _, header in includes(name) if LINUX_HEADERS.match(header)]
            problems += [f"{name}:{number} only Linux has {match[0]}" for number, line in enumerate(code_and_strings(name).splitlines(), 1)
                         for match in LINUX_ONLY.finditer(line)]
            if "__APPLE__" in code(name) and name not in MAY_ASK_FOR_MACOS:
                problems.append(f"{name} asks for macOS: what differs belongs into *_linux.cpp and *_macos.cpp")
        self.complain(problems)

    def test_headers_open_with_what_they_are_for(self):
        self.complain([f"{name} opens without a comment" for name in SOURCES
                       if name.endswith(".h") and not text(name).startswith("//")])

    def test_headers_guard_themselves(self):
        self.complain([f"{name} has no #pragma once" for name in SOURCES if name.endswith(".h") and "#pragma once" not in text(name)])


def compiled_by(command):
    """The sources of one compiler call: CMake's unity sources include several."""
    source = pathlib.Path(command["directory"], command["file"]).resolve()
    return re.findall(r'^#include "(.+)"', source.read_text(encoding="utf-8"), re.M) if source.parent.name == "Unity" else [str(source)]


class Build(unittest.TestCase):
    def test_every_source_is_built(self):
        sources = [name for name in SOURCES if name.endswith(".cpp")]
        lists = {str(pathlib.Path(name).parent): text(name) for name in FILES if name.endswith("CMakeLists.txt")}
        missing = [name for name in sources
                   if not re.search(rf"(?<![\w/]){re.escape(pathlib.Path(name).name)}\b", lists.get(str(pathlib.Path(name).parent), ""))]
        if BUILD:
            commands = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
            built = {source for item in commands for source in compiled_by(item)}
            missing += [name for name in sources if str(ROOT / name) not in built and not name.endswith("_macos.cpp")]
        self.assertFalse(missing, "no target builds: " + ", ".join(missing))

    def test_no_globs(self):
        globs = [name for name in FILES if name.endswith(("CMakeLists.txt", ".cmake")) and re.search(r"file\s*\(\s*GLOB", text(name))]
        self.assertFalse(globs)

    def test_every_test_is_run(self):
        lists = "\n".join(text(name) for name in FILES if name.startswith("tests/") and name.endswith(("CMakeLists.txt", ".cmake")))
        orphans = [name for name in FILES if name.startswith("tests/") and not name.startswith("tests/support/")
                   and re.search(r"(_test\.(cpp|py)|/test_\w+\.py|/\w+_fuzz\.cpp)$", name)
                   and not re.search(rf"\b{re.escape(pathlib.Path(name).name)}\b", lists)
                   and not re.search(rf"clawbridge_integration_test\(\s*{re.escape(pathlib.Path(name).stem.removeprefix('test_'))}[\s)]", lists)]
        self.assertFalse(orphans, "no suite runs: " + ", ".join(orphans))

    def test_the_image_is_compiled_with_what_a_machine_is(self):
        setup = re.search(r"build_packages=\(([^)]*)\)", (ROOT / "tests/support/setup.sh").read_text(encoding="utf-8"))
        libraries = {word for word in setup[1].split() if word.endswith("-dev")} - {"libgtest-dev", "libgmock-dev"}
        first_stage = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8").split("FROM")[1]
        self.assertEqual({word for word in first_stage.split() if word.endswith("-dev")}, libraries)

    def test_no_test_is_switched_off(self):
        found = [f"{name}: {match[0]}" for name in FILES if name.startswith("tests/") and name != "tests/tidy/tidy_test.py"
                 and name.endswith((".cpp", ".h", ".py", "CMakeLists.txt")) for match in DISABLED.finditer(text(name))]
        self.assertFalse(found, "\n".join(found))

    def test_unit_tests_do_not_sleep(self):
        found = [name for name in SOURCES if name.startswith("tests/unit/") and re.search(r"\bsleep(_for|_until)?\s*\(", code(name))]
        self.assertFalse(found)


class Repository(unittest.TestCase):
    def test_the_top_level_is_as_planned(self):
        found = {name.split("/")[0] for name in FILES}
        self.assertFalse(found - TOP_LEVEL, "not planned on the top level")
        self.assertFalse(TOP_LEVEL - found - {".git"}, "missing on the top level")

    def test_no_path_of_a_machine_is_committed(self):
        problems = []
        for name in FILES:
            if name == "tests/tidy/tidy_test.py" or name.endswith((".png", ".ico")):
                continue
            problems += [f"{name}:{number} {line.strip()[:120]}" for number, line in enumerate(text(name).splitlines(), 1)
                         if MACHINE_PATHS.search(line)]
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_scripts_can_be_run(self):
        broken = [name for name in FILES if text(name).startswith("#!") and not (ROOT / name).stat().st_mode & 0o100]
        self.assertFalse(broken, "not executable")

    def test_notes_to_oneself_are_gone(self):
        found = [f"{name}:{number} {line.strip()[:100]}" for name in FILES
                 if name != "tests/tidy/tidy_test.py" and name.endswith((".cpp", ".h", ".py", ".sh", ".txt", "Makefile"))
                 for number, line in enumerate(text(name).splitlines(), 1) if re.search(r"\b(TODO|FIXME|XXX)\b", line)]
        self.assertFalse(found, "\n".join(found))


class TheTestItself(unittest.TestCase):
    """Planted faults must be found."""

    def test_comments_and_strings_do_not_count_and_code_does(self):
        with tempfile.TemporaryDirectory() as directory:
            planted = pathlib.Path(directory) / "planted.cpp"
            planted.write_text('// std::mutex\nauto a = "getenv"; /* fopen\n */ auto b = std::getenv("X");\n'
                               'auto c = R"(now())"; std::mutex m;\nauto d = clock.now();\n', encoding="utf-8")
            lines = code(planted).splitlines()
        found = {(number, why) for number, line in enumerate(lines, 1) for pattern, why in FORBIDDEN_IN_CORE.items() if re.search(pattern, line)}
        self.assertEqual(found, {(3, "reads the environment"), (4, "locks"), (5, "reads a clock")})

    def test_a_comment_may_name_what_only_linux_has_and_code_may_not(self):
        with tempfile.TemporaryDirectory() as directory:
            planted = pathlib.Path(directory) / "planted.cpp"
            planted.write_text('// prctl\nauto url = "https://x/proc"; auto a = "/proc/self/exe";\nsocket(1, SOCK_STREAM | SOCK_CLOEXEC, 0);\n'
                               'auto p = "say \\"// "; ::pipe2(ends, 0); /* memfd_create */\nchoose_proc(pipe);\n', encoding="utf-8")
            found = [(number, match[0]) for number, line in enumerate(code_and_strings(planted).splitlines(), 1) for match in LINUX_ONLY.finditer(line)]
        self.assertEqual(found, [(2, '"/proc'), (3, "SOCK_CLOEXEC"), (4, "pipe2")])
        for header in ("linux/fs.h", "sys/prctl.h", "malloc.h"):
            self.assertRegex(header, LINUX_HEADERS)

    def test_patterns_find_what_they_are_for(self):
        for line in (f"x = {ROOT}/file", f"cd {ROOT}", f'"{pathlib.Path.home()}/.cache"'):
            self.assertRegex(line, MACHINE_PATHS)
        beside = [] if pathlib.Path.home() in ROOT.parents else [f"{ROOT}-other/x"]  # below the home folder all is somebody's
        for line in (f"elsewhere{ROOT}", f"https://example.org{ROOT}", *beside, "/usr/bin"):
            self.assertNotRegex(line, MACHINE_PATHS)
        for line in ("TEST(A, DISABLED_B)", "GTEST_SKIP()", "@unittest.skip('x')", "self.skipTest('x')"):
            self.assertRegex(line, DISABLED)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=lambda value: pathlib.Path(value).resolve())
    options, rest = parser.parse_known_args()
    BUILD = options.build
    unittest.main(argv=[sys.argv[0], *rest])
