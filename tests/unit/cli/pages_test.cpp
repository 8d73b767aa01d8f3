// The man page and the completions against the program's own --help: every command and every option is in all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "bridge/cli/describe.h"
#include "bridge/cli/run.h"
#include "test_environment.h"

namespace clawbridge::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string output_of(std::vector<std::string> words) {
  static const TestMachine machine;
  std::istringstream in;
  std::ostringstream out, err;
  Hooks hooks;
  hooks.version = "1.2.3";
  hooks.environment = machine.environment();
  hooks.in = &in;
  hooks.out = &out;
  hooks.err = &err;
  std::vector<const char*> argv{"clawbridge"};
  for (const auto& word : words) argv.push_back(word.c_str());
  EXPECT_EQ(run(static_cast<int>(argv.size()), argv.data(), hooks), 0) << err.str();
  return out.str();
}

/// The names that --help lists under `Subcommands:`.
std::vector<std::string> commands_in(const std::string& help) {
  std::vector<std::string> names;
  const auto at = help.find("\nSubcommands:\n");
  std::istringstream lines(at == std::string::npos ? "" : help.substr(at + 14));
  const std::regex name("^  ([a-z]+) .*");
  std::smatch found;
  for (std::string line; std::getline(lines, line) && line.starts_with(' ');) {
    if (std::regex_match(line, found, name)) names.push_back(found[1]);
  }
  return names;
}

/// Every command, as the words that call it, and the options that its --help shows.
std::vector<std::pair<std::string, std::set<std::string>>> everything() {
  std::vector<std::pair<std::string, std::set<std::string>>> all;
  std::vector<std::vector<std::string>> open{{}};
  while (!open.empty()) {
    auto words = open.back();
    open.pop_back();
    std::string path;
    for (const auto& word : words) path += (path.empty() ? "" : " ") + word;
    auto asking = words;
    asking.emplace_back("--help");
    const auto help = output_of(asking);
    std::set<std::string> options;
    const std::regex option("(?:^|[ ,])(--[a-z][a-z-]*)");
    const auto section = help.substr(std::min(help.find("\nOptions:"), help.size()));
    const auto shown = section.substr(0, section.find("\n\n"));
    for (auto it = std::sregex_iterator(shown.begin(), shown.end(), option); it != std::sregex_iterator(); ++it)
      options.insert((*it)[1]);
    all.emplace_back(path, options);
    for (const auto& name : commands_in(help)) {
      auto more = words;
      more.push_back(name);
      open.push_back(more);
    }
  }
  return all;
}

std::string roff_of(std::string text) {
  return std::regex_replace(text, std::regex("-"), "\\-");
}

TEST(Pages, NameEveryCommandAndOption) {
  const auto manual = output_of({"manual"});
  const auto bash = output_of({"completion", "bash"});
  const auto zsh = output_of({"completion", "zsh"});
  const auto fish = output_of({"completion", "fish"});
  const auto all = everything();
  EXPECT_GT(all.size(), 35U);
  for (const auto& [path, options] : all) {
    const bool group = output_of([&] {
                         std::vector<std::string> words;
                         std::istringstream in(path);
                         for (std::string word; in >> word;) words.push_back(word);
                         words.emplace_back("--help");
                         return words;
                       }())
                           .find("\nSubcommands:") != std::string::npos;
    if (!group) {
      EXPECT_THAT(manual, HasSubstr(".SS \"clawbridge " + roff_of(path) + "\"\n"));
    }
    if (!path.empty()) {
      EXPECT_THAT(bash, HasSubstr("' " + path + "') path="));
    }
    for (const auto& option : options) {
      EXPECT_THAT(manual, HasSubstr(roff_of(option))) << path;
      EXPECT_THAT(bash, HasSubstr(option)) << path;
      EXPECT_THAT(zsh, HasSubstr("'" + option + "[")) << path;
      EXPECT_THAT(fish, HasSubstr(" -l " + option.substr(2) + " ")) << path;
    }
  }
}

TEST(Pages, AreOfThisVersionAndShowNoHiddenCommand) {
  const auto manual = output_of({"manual"});
  EXPECT_THAT(manual, HasSubstr("clawbridge 1.2.3"));
  EXPECT_THAT(manual, HasSubstr("Exit codes:"));
  EXPECT_THAT(manual, Not(HasSubstr("clawbridge completion\"")));
  EXPECT_THAT(output_of({"--help"}), Not(HasSubstr("completion")));
}

TEST(Pages, TextIsNoRequestOfRoff) {
  CommandDescription program{
      .name = "p", .about = ".about", .footer = "'quoted\n\\backslash\n.so /etc/passwd", .options = {}, .commands = {}};
  const auto page = manual_page(program, "1");
  EXPECT_THAT(page, HasSubstr("\n\\&.about\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&'quoted\n\\ebackslash\n\\&.so /etc/passwd\n"));
}

TEST(Pages, QuotesDoNotEndTheScripts) {
  const CommandDescription child{.name = "child",
                                 .about = "it's [one]: $x",
                                 .footer = {},
                                 .options = {{{"--kind"}, "KIND", {"a", "b"}, "which 'kind'", false}},
                                 .commands = {}};
  const CommandDescription program{.name = "p", .about = {}, .footer = {}, .options = {}, .commands = {child}};
  EXPECT_THAT(completion_script(program, "fish"), HasSubstr("-d 'it'\\''s [one]: $x'"));
  EXPECT_THAT(completion_script(program, "zsh"), HasSubstr("'--kind[which '\\''kind'\\'']:KIND:(a b)'"));
  EXPECT_THAT(completion_script(program, "bash"),
              HasSubstr("' child --kind') mapfile -t COMPREPLY < <(compgen -W 'a b' -- \"$word\")"));
}

}  // namespace
}  // namespace clawbridge::cli
