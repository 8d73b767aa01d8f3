// Placeholders and the arguments of commands.
#include "config/placeholders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machine.h"

namespace clawbridge::config {
namespace {

using ::testing::ElementsAre;

std::string expanded(const Machine& machine, const std::string& text) {
  return expand(text, machine.environment());
}

TEST(Placeholders, StandAnywhereInAText) {
  Machine machine;
  machine.variables = {{"A", "1"}, {"EMPTY", ""}, {"NESTED", "${env:A}$"}};
  EXPECT_EQ(expanded(machine, ""), "");
  EXPECT_EQ(expanded(machine, "x${env:A}y${env:A}"), "x1y1");
  EXPECT_EQ(expanded(machine, "[${env:EMPTY}]"), "[]");
  EXPECT_EQ(expanded(machine, "${env:NESTED}${env:A}"), "${env:A}$1") << "what is put in is not looked at again";
  EXPECT_EQ(expanded(machine, "$${env:A} $ {} $$ $x"), "${env:A} $ {} $$ $x");
}

TEST(Placeholders, TakeFilesWithoutTheirLastNewline) {
  Machine machine;
  machine.files = {{"/a", "s3cret\n"}, {"/b", "s3cret\r\n"}, {"/c", "two\n\n"}, {"/home/tony/d", "x"}};
  EXPECT_EQ(expanded(machine, "${file:/a}"), "s3cret");
  EXPECT_EQ(expanded(machine, "${file:/b}"), "s3cret");
  EXPECT_EQ(expanded(machine, "${file:/c}"), "two\n");
  EXPECT_EQ(expanded(machine, "${file:~/d}"), "x");
}

TEST(Placeholders, TakeTheFirstLineOfACommand) {
  Machine machine;
  machine.commands[{"pass", "show", "my broker"}] = {"one\r\ntwo\n", ""};
  machine.commands[{"silent"}] = {"", ""};
  machine.commands[{"slow"}] = {"", "did not end within 10 s"};
  EXPECT_EQ(expanded(machine, "${command:pass show 'my broker'}"), "one");
  EXPECT_EQ(expanded(machine, "${command:silent}"), "");
  EXPECT_THROW((void)expanded(machine, "${command:slow}"), SettingsError);
}

TEST(Placeholders, ThatAreNoneAreRefused) {
  for (const std::string text : {"${", "${env:A", "${}", "${env}", "${env:}", "${ENV:A}", "${x:y}", "${file:}", "${:}",
                                 "${command:}", "${command: }", "${command:'}", "${command:''}"}) {
    EXPECT_THROW((void)expanded(Machine{}, text), SettingsError) << text;
  }
}

TEST(Placeholders, SplitCommandsWithoutAShell) {
  EXPECT_THAT(split_command("  pass\tshow  x "), ElementsAre("pass", "show", "x"));
  EXPECT_THAT(split_command(R"(a 'b "c' "d 'e" f\ g "h\"i" 'j\k')"),
              ElementsAre("a", "b \"c", "d 'e", "f g", "h\"i", "j\\k"));
  EXPECT_THAT(split_command("a '' x'y'z"), ElementsAre("a", "", "xyz"));
  EXPECT_THAT(split_command("echo $HOME; rm *"), ElementsAre("echo", "$HOME;", "rm", "*"));
  EXPECT_THAT(split_command("a\\"), ElementsAre("a\\"));
}

TEST(Placeholders, ExpandOnlyTheOwnHome) {
  const Machine machine;
  EXPECT_EQ(expand_home("~", machine.environment()), "/home/tony");
  EXPECT_EQ(expand_home("~/x", machine.environment()), "/home/tony/x");
  EXPECT_EQ(expand_home("~pepper/x", machine.environment()), "~pepper/x");
  EXPECT_EQ(expand_home("/a/~/x", machine.environment()), "/a/~/x");
}

}  // namespace
}  // namespace clawbridge::config
