// The real machine behind the settings library: its files and its programs.
#include "config/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

namespace clawbridge::config {
namespace {

using ::testing::Contains;

TEST(SystemEnvironment, ReadsFilesOrSaysWhyNot) {
  const Environment machine = system_environment();
  const FileText known = machine.read_file(CLAWBRIDGE_SOURCE_DIR "/config/clawbridge.example.yaml");
  ASSERT_TRUE(known.text.has_value());
  EXPECT_TRUE(known.text->starts_with("# clawbridge settings"));
  EXPECT_EQ(machine.read_file(CLAWBRIDGE_SOURCE_DIR "/config/nowhere").error_number, ENOENT);
  EXPECT_EQ(machine.read_file(CLAWBRIDGE_SOURCE_DIR "/config").error_number, EISDIR);
  EXPECT_EQ(machine.read_file("/dev/zero").error_number, EFBIG);
}

TEST(SystemEnvironment, RunsProgramsWithoutAShell) {
  const Environment machine = system_environment();
  const CommandOutcome printed = machine.run_command({"printf", "%s|", "a b", "$HOME", "*"});
  EXPECT_EQ(printed.problem, "");
  EXPECT_EQ(printed.output, "a b|$HOME|*|");
}

TEST(SystemEnvironment, GivesProgramsNoInput) {
  const CommandOutcome read = system_environment().run_command({"cat"});
  EXPECT_EQ(read.problem, "");
  EXPECT_EQ(read.output, "");
}

TEST(SystemEnvironment, SaysHowAProgramFailed) {
  const Environment machine = system_environment();
  EXPECT_EQ(machine.run_command({"sh", "-c", "echo secret; exit 3"}).problem, "ended with status 3");
  EXPECT_EQ(machine.run_command({"sh", "-c", "echo secret; exit 3"}).output, "");
  EXPECT_EQ(machine.run_command({"sh", "-c", "kill -9 $$"}).problem, "was ended by signal 9");
  EXPECT_EQ(machine.run_command({"clawbridge-has-no-such-program"}).problem,
            "cannot be started: No such file or directory");
  EXPECT_EQ(machine.run_command({"sh", "-c", "exec cat /dev/zero"}).problem, "printed more than 64 KiB");
}

TEST(SystemEnvironment, EndsProgramsThatTakeTooLong) {
  const Environment machine = system_environment(std::chrono::milliseconds(20));
  const std::string problem = "did not end within 20ms";
  EXPECT_EQ(machine.run_command({"sleep", "1000"}).problem, problem);
  EXPECT_EQ(machine.run_command({"sh", "-c", "exec >&-; sleep 1000"}).problem, problem);
  EXPECT_EQ(machine.run_command({"sh", "-c", "sleep 1000 & exit 0"}).problem, problem) << "a child keeps stdout open";
}

TEST(SystemEnvironment, ListsVariables) {
  ASSERT_EQ(::setenv("CLAWBRIDGE_SETTINGS_TEST", "x=y", 1), 0);
  const Environment machine = system_environment();
  EXPECT_THAT(machine.variable_names(), Contains("CLAWBRIDGE_SETTINGS_TEST"));
  EXPECT_EQ(machine.variable("CLAWBRIDGE_SETTINGS_TEST"), "x=y");
  ASSERT_EQ(::unsetenv("CLAWBRIDGE_SETTINGS_TEST"), 0);
  EXPECT_EQ(machine.variable("CLAWBRIDGE_SETTINGS_TEST"), std::nullopt);
}

}  // namespace
}  // namespace clawbridge::config
