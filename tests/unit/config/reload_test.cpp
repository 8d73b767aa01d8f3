// What a reload finds changed, and when the file is worth a look.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/file_watch.h"
#include "config/keys.h"
#include "machine.h"

namespace clawbridge::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kBefore =
    "version: 1\n"
    "gateway: { name: imac, kind: echo }\n"
    "broker: { url: \"mqtt://hub:1883\" }\n"
    "remote_agents: { friend: studio/friday }\n"
    "policy:\n"
    "  - { from: \"*\", to: jarvis, allow: sessions_send }\n";

ChangedKeys change(const std::string& after) {
  Machine machine;
  const Settings old = machine.load(kBefore);
  return changed_keys(old, machine.load(after));
}

TEST(ChangedKeys, FindsNothingInTheSameSettings) {
  const auto changed = change(std::string("# another comment\n") + kBefore);
  EXPECT_THAT(changed.live, IsEmpty());
  EXPECT_THAT(changed.restart, IsEmpty());
}

TEST(ChangedKeys, TellsWhatMayChangeFromWhatTakesARestart) {
  const auto changed = change(
      "version: 1\n"
      "gateway: { name: imac, kind: echo, delay: 1s }\n"
      "broker: { url: \"mqtt://other:1883\" }\n"
      "remote_agents: { friend: studio/edith, other: studio/friday }\n"
      "log: { level: debug }\n"
      "policy:\n"
      "  - { from: \"*\", to: jarvis, deny: sessions_send }\n"
      "  - { from: \"*\", to: \"*\", allow: sessions_send, per_minute: 3 }\n");
  EXPECT_THAT(changed.live, ElementsAre("log.level", "policy", "remote_agents.friend", "remote_agents.other"));
  EXPECT_THAT(changed.restart, ElementsAre("broker.url", "gateway.delay"));
}

TEST(ChangedKeys, SeesWhatIsTakenOut) {
  const auto changed = change("version: 1\ngateway: { name: imac, kind: echo }\n");
  EXPECT_THAT(changed.live, ElementsAre("policy", "remote_agents.friend"));
  EXPECT_THAT(changed.restart, ElementsAre("broker.url"));
}

TEST(ChangedKeys, SeesTheValueBehindAPlaceholder) {
  Machine machine;
  machine.files["/token"] = std::string(40, 'a');
  const std::string yaml =
      "version: 1\ngateway: { kind: echo }\napi: { listen: \"127.0.0.1:18790\", tokens: { main: \"${file:/token}\" } "
      "}\n";
  const Settings before = machine.load(yaml);
  machine.files["/token"] = std::string(40, 'b');
  EXPECT_THAT(changed_keys(before, machine.load(yaml)).live, ElementsAre("api.tokens.main"));
}

TEST(ChangedKeys, TheTableSaysWhichMayChange) {
  EXPECT_TRUE(find_key("policy.#.from")->reload);
  EXPECT_TRUE(find_key("limits.runs")->reload);
  EXPECT_FALSE(find_key("limits.message_bytes")->reload);
  EXPECT_FALSE(find_key("trust.join")->reload);
  EXPECT_FALSE(find_key("store.path")->reload);
}

TEST(FileWatch, ReadsAChangeOnceItHasSettled) {
  FileWatch watch(FileStamp{1, 100});
  EXPECT_FALSE(watch.look(FileStamp{1, 100}));
  EXPECT_FALSE(watch.look(FileStamp{2, 10})) << "an editor may be half-way through";
  EXPECT_FALSE(watch.look(FileStamp{3, 120}));
  EXPECT_TRUE(watch.look(FileStamp{3, 120}));
  EXPECT_FALSE(watch.look(FileStamp{3, 120}));
}

TEST(FileWatch, SeesAFileComeAndGo) {
  FileWatch watch(std::nullopt);
  EXPECT_FALSE(watch.look(std::nullopt));
  EXPECT_FALSE(watch.look(FileStamp{1, 1}));
  EXPECT_TRUE(watch.look(FileStamp{1, 1}));
  EXPECT_FALSE(watch.look(std::nullopt)) << "replaced by many an editor in two steps";
  EXPECT_FALSE(watch.look(FileStamp{1, 1}));
  EXPECT_FALSE(watch.look(FileStamp{1, 1})) << "the same again";
  EXPECT_FALSE(watch.look(std::nullopt));
  EXPECT_TRUE(watch.look(std::nullopt));
}

}  // namespace
}  // namespace clawbridge::config
