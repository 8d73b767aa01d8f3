// Journals of earlier formats, saved as texts in journals/: nothing in them is lost, and who goes back is told.
#include <fstream>
#include <iterator>

#include "bridge/store/schema.h"
#include "journal_fixture.h"

namespace clawbridge::store {
namespace {

using core::IncomingStage;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kBegin = 1'790'000'000'000;
constexpr const char* kPeerJournal = "3f0c19aa0b7e5d2188e107c3b6f29d04";

class JournalUpgrade : public JournalTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    std::ifstream file(std::string(CLAWBRIDGE_SOURCE_DIR "/tests/unit/store/journals/format-") +
                       std::to_string(GetParam()) + ".sql");
    const std::string sql{std::istreambuf_iterator<char>(file), {}};
    ASSERT_FALSE(sql.empty());
    run_sql(path(), sql);
    open();
    ASSERT_EQ(warning_, "");
  }
  [[nodiscard]] bool since(int format) const { return GetParam() >= format; }
};

template <class Records>
std::vector<std::string> ids_of(const Records& records) {
  std::vector<std::string> ids;
  for (const auto& record : records) ids.push_back(record.id.substr(24));
  return ids;
}

TEST_P(JournalUpgrade, TheJournalStaysTheSame) {
  const auto restored = journal_->restore();
  EXPECT_EQ(restored.incarnation, "cbba91f9f22a199a4ed489fca47b7434");
  EXPECT_EQ(restored.epoch, 7U);
  EXPECT_EQ(restored.last_id, "01M820Y0000000000000000005");
  EXPECT_THAT(ids_of(restored.outgoing), ElementsAre("01", "04"));
  EXPECT_THAT(ids_of(restored.incoming), ElementsAre("A1", "A2", "A3"));
  EXPECT_THAT(restored.untold, testing::IsEmpty());
  EXPECT_THAT(restored.newest_ids, ElementsAre(testing::Pair("imac", "01M820Y00000000000000000A2"),
                                               testing::Pair("studio", "01M820Y00000000000000000A5")));
  ASSERT_EQ(restored.replay_marks.size(), 1U);
  EXPECT_EQ(restored.replay_marks[0].id_time, at(1'789'990'000'000));
  EXPECT_EQ(restored.replay_marks[0].expiry, at(kBegin));
  // What was purged without an acknowledgement was not written down before: then all of it counts.
  EXPECT_EQ(restored.replay_marks[0].forgotten, at(since(3) ? 1'789'980'000'000 : 1'789'990'000'000));
}

TEST_P(JournalUpgrade, PeersStayTrusted) {
  const auto peers = journal_->restore().peers;
  ASSERT_EQ(peers.size(), 1U);
  EXPECT_EQ(peers[0].gateway, "imac");
  EXPECT_EQ(peers[0].trust, core::PeerTrust::Joined);
  EXPECT_EQ(peers[0].sign_key[31], 1);
  EXPECT_EQ(peers[0].box_key[31], 2);
  EXPECT_EQ(peers[0].incarnation, kPeerJournal);
  EXPECT_EQ(peers[0].epoch, 3U);
  EXPECT_EQ(peers[0].revision, 4U);
  EXPECT_EQ(peers[0].state, "{\"state\":1}");
  EXPECT_EQ(peers[0].previous_sign_key[0], since(2) ? 3 : 0);
  EXPECT_EQ(peers[0].previous_until, at(since(2) ? 1'790'600'000'000 : 0));
  EXPECT_EQ(peers[0].revoked.size(), since(2) ? 1U : 0U);
}

TEST_P(JournalUpgrade, WhatWasAskedGoesOn) {
  const auto open = journal_->outgoing("01M820Y0000000000000000001");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->request, "{\"request\":1}");
  EXPECT_EQ(open->source.str(), "macbook/main");
  EXPECT_EQ(open->target.str(), "imac/jarvis");
  EXPECT_EQ(open->stage, "queued");
  EXPECT_TRUE(open->receipt);
  EXPECT_EQ(open->incarnation, kPeerJournal);
  ASSERT_EQ(open->stages.size(), 3U);
  EXPECT_EQ(open->stages[2].time, at(kBegin + 11));
  EXPECT_EQ(open->asker, since(2) ? "agent:main:work" : "");
  EXPECT_EQ(open->chain.size(), since(2) ? 2U : 0U);
  EXPECT_FALSE(open->deliver_late);

  EXPECT_EQ(journal_->outgoing("01M820Y0000000000000000002")->reply, "{\"reply\":2}");
  const auto failed = journal_->outgoing("01M820Y0000000000000000003");
  ASSERT_TRUE(failed && failed->error);
  EXPECT_EQ(failed->error->code, ErrorCode::Forbidden);
  EXPECT_EQ(failed->error->message, "no rule allows it");
  const auto large = journal_->outgoing("01M820Y0000000000000000004");
  ASSERT_TRUE(large);
  EXPECT_EQ(large->request, std::string(20'000, 'L'));
  EXPECT_EQ(large->reason, "gateway_down");
  EXPECT_EQ(large->session, "label:photos");
  EXPECT_EQ(journal_->dead_outgoing(10).size(), since(3) ? 1U : 0U);
  EXPECT_EQ(journal_->list_outgoing(10).size(), 5U);
}

TEST_P(JournalUpgrade, WhatWasTakenRunsOnceAndNotAgain) {
  EXPECT_EQ(journal_->incoming("imac", "01M820Y00000000000000000A1")->stage, IncomingStage::Stored);
  EXPECT_EQ(journal_->incoming("imac", "01M820Y00000000000000000A1")->sealed, since(2));
  const auto queued = journal_->incoming("imac", "01M820Y00000000000000000A2");
  EXPECT_EQ(queued->stage, IncomingStage::Queued);
  EXPECT_EQ(queued->receipt, "{\"receipt\":2}");
  const auto started = journal_->incoming("studio", "01M820Y00000000000000000A3");
  EXPECT_EQ(started->stage, IncomingStage::Started);
  EXPECT_EQ(started->session_key, "agent:main:main");
  EXPECT_EQ(started->attempt, 2U);
  EXPECT_EQ(started->boot_id, "boot-7");
  EXPECT_EQ(started->run_id, "run-9");
  EXPECT_EQ(started->losses, since(3) ? 1U : 0U);
  EXPECT_EQ(started->digest[31], 3);
  const auto ended = journal_->incoming("studio", "01M820Y00000000000000000A4");
  EXPECT_EQ(ended->stage, IncomingStage::Ended);
  EXPECT_EQ(ended->reply, "{\"reply\":4}");
  EXPECT_TRUE(ended->acknowledged);
  const auto tombstone = journal_->incoming("studio", "01M820Y00000000000000000A5");
  EXPECT_EQ(tombstone->stage, IncomingStage::Tombstone);
  EXPECT_EQ(tombstone->status, "expired");
}

TEST_P(JournalUpgrade, ItIsWrittenOnAsAnyOther) {
  auto next = full_outgoing("01M820Y0000000000000000006");
  apply(core::store::PutOutgoing{next});
  apply(core::store::PutIncoming{full_incoming("studio", "01M820Y00000000000000000A6")});
  commit();
  open();
  EXPECT_EQ(warning_, "");
  expect_same(*journal_->outgoing(next.id), next);
  EXPECT_EQ(journal_->restore().incoming.size(), 4U);
}

// A release before cannot use it any more, and must say so instead of harming it: its own check is the one of this
// release.
TEST_P(JournalUpgrade, ThereIsNoWayBackAndThatIsSaid) {
  journal_.reset();
  const auto version = [this] {
    std::ifstream file(path(), std::ios::binary);
    std::string header(100, '\0');
    file.read(header.data(), 100);
    return static_cast<int>(header[63]);  // user_version, at offset 60, big-endian
  };
  EXPECT_EQ(version(), kSchemaVersion);
  run_sql(path(), "PRAGMA user_version = " + std::to_string(kSchemaVersion + 1));
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path().string()), HasSubstr("newer release"),
                               HasSubstr("start that release, or set store.path to a new file")));
  EXPECT_EQ(version(), kSchemaVersion + 1);
}

INSTANTIATE_TEST_SUITE_P(Formats, JournalUpgrade, testing::Values(1, 2, 3, 4), testing::PrintToStringParamName());

}  // namespace
}  // namespace clawbridge::store
