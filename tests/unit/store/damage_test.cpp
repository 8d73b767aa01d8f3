// A journal cut off at every page boundary, and with a bit flipped in every page: it is refused, set aside or read for what it still
// holds, and no start ends in the same place as the one before. What had ended never comes back as something to be run.
#include <fstream>
#include <map>

#include "bridge/store/journal_file.h"
#include "journal_fixture.h"

namespace clawbridge::store {
namespace {

namespace fs = std::filesystem;
using core::IncomingStage;

constexpr std::uintmax_t kPage = 4096;
constexpr int kExchanges = 24;

class Damage : public JournalTest {
 protected:
  void SetUp() override {
    open();
    for (std::uint8_t n = 1; n <= kExchanges; ++n) {
      auto asked = full_outgoing(ulid_at(at(1'000), n));
      asked.request.assign(n % 4 == 0 ? 40'000 : 700, 'q');
      if (n % 3 == 0) asked.status = "ok";
      apply(core::store::PutOutgoing{asked});
      auto taken = full_incoming("studio", ulid_at(at(2'000), n));
      taken.request.assign(n % 4 == 1 ? 40'000 : 700, 'r');
      taken.stage = n % 3 == 0 ? IncomingStage::Ended : n % 3 == 1 ? IncomingStage::HandingOver : IncomingStage::Stored;
      taken.status = n % 3 == 0 ? "ok" : "";
      stages_[taken.id] = taken.stage;
      apply(core::store::PutIncoming{taken});
    }
    commit();
    journal_.reset();
    ASSERT_GT(pages(), 40U);
  }

  [[nodiscard]] std::uintmax_t pages() const { return fs::file_size(path()) / kPage; }

  /// A copy of the journal in a folder of its own.
  fs::path copy() {
    const auto folder = folder_ / ("copy-" + std::to_string(++copies_));
    fs::create_directory(folder);
    fs::copy_file(path(), folder / "journal.db");
    return folder / "journal.db";
  }

  /// Everything that a daemon does with its journal. Throws StoreError.
  void use(JournalDb& journal) {
    const auto restored = journal.restore();
    EXPECT_EQ(restored.incarnation.size(), 32U);
    for (const auto& record : restored.incoming) {
      const auto known = stages_.find(record.id);
      if (known == stages_.end()) continue;
      EXPECT_NE(known->second, IncomingStage::Ended) << "it would run again: " << record.id;
    }
    for (const auto& [id, stage] : stages_) {
      (void)journal.incoming("studio", id);
      (void)journal.find_incoming(id);
    }
    for (const auto& record : journal.list_outgoing(100)) (void)journal.outgoing(record.id);
    (void)journal.list_incoming(100);
    (void)journal.dead_outgoing(100);
    (void)journal.dead_incoming(100);
    (void)journal.replay_marks();
    (void)journal.incoming_bytes("studio");
    const auto asked = full_outgoing(ulid_at(at(9'000), 1));
    journal.apply(core::store::PutOutgoing{asked});
    journal.apply(core::store::PutEpoch{7});
    for (const auto& [id, stage] : stages_) journal.apply(core::store::AcknowledgeIncoming{"studio", {id}});
    journal.apply(core::store::Purge{at(5'000), at(9'000), at(9'000), 1'000});
    const auto failed = journal.commit();
    EXPECT_FALSE(failed) << failed->message;
    const auto read = journal.outgoing(asked.id);
    ASSERT_TRUE(read) << "what was committed can be read";
    EXPECT_EQ(read->request, asked.request);
  }

  /// Starts as the service manager does, until one start holds. `what`: for the message.
  void starts(const fs::path& damaged, const std::string& what) {
    for (int start = 1; start <= 3; ++start) {
      try {
        auto opened = JournalDb::open(damaged, Durability::Process, random_);
        ASSERT_TRUE(opened) << what << ": " << opened.error().message;
        if (!opened->warning.empty()) {
          EXPECT_THAT(opened->warning, testing::HasSubstr(damaged.string())) << what;
          ++set_aside_;
        }
        use(*opened->journal);
        return;
      } catch (const StoreError& error) {
        ASSERT_TRUE(is_damage(error.code())) << what << ": " << error.what();
        EXPECT_THAT(error.what(), testing::HasSubstr(damaged.string())) << what;
        condemn(damaged);  // as main does
      }
    }
    FAIL() << what << ": three starts in a row failed";
  }

  std::map<std::string, IncomingStage> stages_;
  int copies_ = 0;
  int set_aside_ = 0;
};

TEST_F(Damage, OfAFileCutAtAnyPage) {
  for (std::uintmax_t page = 0; page < pages(); ++page) {
    const auto damaged = copy();
    fs::resize_file(damaged, page * kPage);
    starts(damaged, "cut before page " + std::to_string(page + 1));
    fs::remove_all(damaged.parent_path());
  }
  EXPECT_GT(set_aside_, 0);
}

TEST_F(Damage, OfABitInAnyPage) {
  std::uint64_t random = 88'172'645'463'325'252;
  for (std::uintmax_t page = 0; page < pages(); ++page) {
    // The head of the page, which says what is in it, and somewhere in it.
    for (const bool head : {true, false}) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      const auto offset = page * kPage + random % (head ? 16 : kPage);
      const auto damaged = copy();
      {
        std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(offset));
        const auto byte = static_cast<char>(file.get() ^ (1 << (random >> 32) % 8));
        file.seekp(static_cast<std::streamoff>(offset));
        file.put(byte);
      }
      starts(damaged, "bit flipped at byte " + std::to_string(offset));
      fs::remove_all(damaged.parent_path());
    }
  }
  EXPECT_GT(set_aside_, 0);
}

// What SQLite cannot see: a page is still a page. A turn that was handed over must not come back as another attempt, in
// another session, or for another agent.
TEST_F(Damage, OfAnyColumnThatDecidesAboutATurn) {
  for (const char* damage : {"attempt = attempt + 1", "losses = losses + 2", "expiry = expiry + 4096", "received = received + 1",
                             "stage = 'ptarted'", "stage = 'stored'", "session_key = 'agent:jarvis:lain'", "boot_id = 'boot-6'",
                             "digest = x'ab'", "source = 'studio/lain'", "target = 'imac/kepper'", "op = 'sessions_sene'",
                             "session = 'label:y'", "sealed = 0", "source_gateway = 'studyo'", "checksum = checksum + 1"}) {
    const auto damaged = copy();
    run_sql(damaged, std::string("UPDATE incoming SET ") + damage + " WHERE row = (SELECT row FROM incoming WHERE stage = 'handing_over' LIMIT 1)");
    set_aside_ = 0;
    starts(damaged, damage);
    EXPECT_EQ(set_aside_, 1) << damage;
  }
}

// What was damaged is not vouched for by the next write.
TEST_F(Damage, StaysVisibleWhenTheRowIsWrittenAgain) {
  const auto damaged = copy();
  run_sql(damaged, "UPDATE incoming SET target = 'imac/kepper' WHERE row = 1");
  auto opened = JournalDb::open(damaged, Durability::Process, random_);
  ASSERT_TRUE(opened);
  const auto row = opened->journal->list_incoming(1'000).back();
  opened->journal->apply(core::store::UpdateIncoming{.source_gateway = row.source_gateway, .id = row.id, .session_key = row.session_key, .stage = IncomingStage::Started, .attempt = 2, .boot_id = "boot", .run_id = {}, .receipt = {}, .reply = {}, .status = {}, .stages = {}, .losses = 0, .ended = {}, .dead = false});
  EXPECT_FALSE(opened->journal->commit());
  EXPECT_THROW((void)opened->journal->restore(), StoreError);
}

TEST_F(Damage, FoundInUseIsSetAsideAtTheNextStart) {
  condemn(path());
  open();
  EXPECT_THAT(warning_, testing::HasSubstr("found while it was in use"));
  EXPECT_TRUE(journal_->restore().incoming.empty());
  open();
  EXPECT_EQ(warning_, "");
}

}  // namespace
}  // namespace clawbridge::store
