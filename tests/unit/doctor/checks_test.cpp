// The tables, how checks need one another, and the exit code.
#include "bridge/doctor/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "sound.h"

namespace clawbridge::doctor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Checks, HaveNamesOfTheirOwnAndNeedOnlyWhatComesBefore) {
  std::set<std::string_view> names;
  for (const auto& check : checks()) {
    for (const auto need : check.needs) EXPECT_TRUE(names.contains(need)) << check.name << " needs " << need;
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_FALSE(check.about.empty());
  }
}

TEST(Faults, BelongToACheckAndSayWhatToDo) {
  std::set<std::string_view> ids;
  for (const auto& fault : faults()) {
    EXPECT_TRUE(ids.insert(fault.id).second) << fault.id;
    const auto name = fault.id.substr(0, fault.id.rfind('.'));
    EXPECT_NE(std::ranges::find(checks(), name, &Check::name), checks().end()) << fault.id;
    EXPECT_FALSE(fault.symptom.ends_with('.')) << fault.id;
    EXPECT_TRUE(fault.remedy.ends_with('.')) << fault.id;
    for (const auto text : {fault.symptom, fault.remedy})
      EXPECT_EQ(text.find_first_of("|\n"), std::string_view::npos) << fault.id;
  }
  EXPECT_THROW((void)fault("nothing.such"), std::logic_error);
}

TEST(Examination, FindsNothingWhereAllIsWell) {
  const auto findings = examine(sound());
  EXPECT_EQ(findings.size(), checks().size());
  for (const auto& finding : findings) {
    // Of the two kinds of gateway one is not there.
    const auto expected = finding.check == "gateway.program" ? Status::Skip : Status::Ok;
    EXPECT_EQ(finding.verdict.status, expected) << finding.check << ": " << finding.verdict.found;
    EXPECT_TRUE(finding.remedy.empty()) << finding.check;
  }
  EXPECT_EQ(exit_code(findings), 0);
}

TEST(Examination, SkipsWhatNeedsAFailedCheckAndNamesTheRoot) {
  auto seen = sound();
  seen.broker = BrokerSeen{};
  seen.broker->resolved = Shown::No;
  seen.broker->error = "cannot connect to the broker mqtt://hub: the name \"hub\" is not found (…); check that it runs";
  const auto findings = examine(seen);
  EXPECT_EQ(of(findings, "broker.name").verdict.status, Status::Fail);
  for (const char* name : {"broker.reach", "broker.login", "broker.read_hello", "broker.exchange", "daemon.broker"}) {
    EXPECT_EQ(of(findings, name).verdict.status, Status::Skip) << name;
    EXPECT_EQ(of(findings, name).cause, "broker.name") << name;
  }
  EXPECT_EQ(of(findings, "gateway.login").verdict.status, Status::Ok);
  EXPECT_THAT(faults_in(seen), ElementsAre("broker.name.unknown"));
}

TEST(Examination, NeedsNothingButTheSettingsWhenTheyCannotBeUsed) {
  Observations seen;
  seen.settings.error = "x.yaml:3: unknown key \"broker.usrname\"; did you mean \"broker.username\"?";
  const auto findings = examine(seen);
  EXPECT_EQ(findings[0].verdict.status, Status::Fail);
  for (const auto& finding : std::span(findings).subspan(1)) {
    EXPECT_EQ(finding.verdict.status, Status::Skip) << finding.check;
    EXPECT_EQ(finding.cause, "settings.file") << finding.check;
  }
}

TEST(ExitCode, IsThatOfTheFirstFailure) {
  Observations settings;
  settings.settings.error = "not valid YAML";
  EXPECT_EQ(exit_code(examine(settings)), 2);

  auto gateway = sound();
  gateway.gateway->error =
      "cannot connect to the OpenClaw gateway at ws://x: Connection refused; check that it runs, and gateway.url";
  EXPECT_EQ(exit_code(examine(gateway)), 4);

  auto disk = gateway;
  disk.state->write_error = ENOSPC;
  EXPECT_EQ(exit_code(examine(disk)), 1);

  auto warned = sound();
  warned.broker->will = Shown::No;
  EXPECT_THAT(faults_in(warned), ElementsAre("broker.will.none"));
  EXPECT_EQ(exit_code(examine(warned)), 0);
}

TEST(Troubleshooting, IsUpToDate) {
  const std::string path = CLAWBRIDGE_SOURCE_DIR "/TROUBLESHOOTING.md";
  const auto page = troubleshooting_markdown();
  if (const char* update = std::getenv("CLAWBRIDGE_UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    std::ofstream(path, std::ios::binary) << page;
  }
  std::ifstream file(path, std::ios::binary);
  const std::string committed{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(committed, page) << "run unit_doctor with CLAWBRIDGE_UPDATE_GOLDEN=1 and review TROUBLESHOOTING.md";
  for (const auto& fault : faults()) EXPECT_NE(page.find(fault.remedy), std::string::npos) << fault.id;
}

}  // namespace
}  // namespace clawbridge::doctor
