// The journal as a file: modes, locks, foreign and damaged files, and a disk that is full.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "journal_fixture.h"

namespace clawbridge::store {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

using JournalFile = JournalTest;

unsigned mode_of(const fs::path& path) {
  struct stat about {};
  EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
  return about.st_mode & 07777;
}

/// Runs statements on a file that no journal has open.
TEST_F(JournalFile, IsPrivateAndSoAreItsLogAndNewFolders) {
  const auto deep = folder_ / "state" / "clawbridge" / "journal.db";
  open_at(deep);
  apply(core::store::PutEpoch{1});
  commit();
  EXPECT_EQ(mode_of(deep), 0600U);
  EXPECT_EQ(mode_of(deep.string() + "-wal"), 0600U);
  EXPECT_EQ(mode_of(folder_ / "state"), 0700U);
  EXPECT_EQ(mode_of(folder_ / "state" / "clawbridge"), 0700U);
}

TEST_F(JournalFile, LeavesNoLogBehindWhenClosed) {
  open();
  apply(core::store::PutEpoch{1});
  commit();
  EXPECT_TRUE(fs::exists(path().string() + "-wal"));
  journal_.reset();
  EXPECT_FALSE(fs::exists(path().string() + "-wal"));
}

TEST_F(JournalFile, IsRefusedToASecondOpener) {
  open();
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path().string()), HasSubstr("another process uses it")));
  apply(core::store::PutEpoch{1});
  commit();
  EXPECT_THAT(refusal(), HasSubstr("another process uses it"));
}

TEST_F(JournalFile, OfANewerReleaseIsRefusedAndLeftAlone) {
  open();
  journal_.reset();
  run_sql(path(), "PRAGMA user_version = 6");
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path().string()), HasSubstr("newer release (format 6, this one knows 5)")));
  EXPECT_TRUE(fs::exists(path()));
  run_sql(path(), "PRAGMA user_version = 5");
  open();
}

TEST_F(JournalFile, OfTheFirstFormatIsBroughtUpToDate) {
  open();
  const auto outgoing = full_outgoing(ulid_at(at(1'000)));
  apply(core::store::PutOutgoing{outgoing});
  commit();
  const auto incarnation = journal_->restore().incarnation;
  journal_.reset();
  for (const char* index : {"outgoing_dead", "incoming_dead", "outgoing_untold"}) run_sql(path(), std::string("DROP INDEX ") + index);
  for (const char* column : {"replay_mark DROP COLUMN forgotten", "outgoing DROP COLUMN dead", "outgoing DROP COLUMN child_session_key", "outgoing DROP COLUMN deliver_late", "incoming DROP COLUMN checksum", "incoming DROP COLUMN losses", "incoming DROP COLUMN dead", "outgoing DROP COLUMN asker", "outgoing DROP COLUMN chain", "incoming DROP COLUMN sealed",
                             "peer DROP COLUMN previous_sign_key", "peer DROP COLUMN previous_box_key",
                             "peer DROP COLUMN previous_until", "peer DROP COLUMN revoked"}) {
    run_sql(path(), std::string("ALTER TABLE ") + column);
  }
  run_sql(path(), "PRAGMA user_version = 1");
  open();
  EXPECT_EQ(journal_->restore().incarnation, incarnation);
  const auto read = journal_->outgoing(outgoing.id);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request, outgoing.request);
  EXPECT_EQ(read->asker, "");
}

TEST_F(JournalFile, OfTheThirdFormatGetsItsChecksums) {
  open();
  const auto incoming = full_incoming("studio", ulid_at(at(1'000)));
  apply(core::store::PutIncoming{incoming});
  commit();
  journal_.reset();
  run_sql(path(), "DROP INDEX outgoing_untold");
  for (const char* column : {"incoming DROP COLUMN checksum", "outgoing DROP COLUMN child_session_key", "outgoing DROP COLUMN deliver_late"}) {
    run_sql(path(), std::string("ALTER TABLE ") + column);
  }
  run_sql(path(), "PRAGMA user_version = 3");
  open();
  ASSERT_EQ(journal_->restore().incoming.size(), 1U);
}

TEST_F(JournalFile, OfAnotherProgramIsRefusedAndLeftAlone) {
  run_sql(path(), "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path().string()), HasSubstr("another program")));
  run_sql(path(), "INSERT INTO theirs VALUES (2)");
}

TEST_F(JournalFile, ThatIsAFolderIsAnError) {
  fs::create_directory(path());
  EXPECT_THAT(refusal(), HasSubstr(path().string()));
}

TEST_F(JournalFile, ThatIsDamagedIsSetAsideAndANewOneBegun) {
  open();
  for (std::uint8_t n = 1; n <= 50; ++n) {
    auto record = full_outgoing(ulid_at(at(1'000), n));
    record.request.assign(4'000, 'x');
    apply(core::store::PutOutgoing{record});
  }
  commit();
  const auto before = journal_->restore().incarnation;
  journal_.reset();
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(40'000, '\x5a');
  }
  const auto damaged = fs::file_size(path());
  open();
  EXPECT_THAT(warning_,
              AllOf(HasSubstr("is damaged"), HasSubstr(path().string() + ".damaged-"), HasSubstr("set aside")));
  EXPECT_NE(journal_->restore().incarnation, before);
  EXPECT_TRUE(journal_->restore().outgoing.empty());
  std::size_t kept = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const auto name = entry.path().string();
    if (name.find(".damaged-") == std::string::npos || name.ends_with("-wal")) continue;
    ++kept;
    EXPECT_EQ(entry.file_size(), damaged);
  }
  EXPECT_EQ(kept, 1U);
  open();
  EXPECT_EQ(warning_, "");
}

TEST_F(JournalFile, ThatIsNoDatabaseIsSetAside) {
  std::ofstream(path()) << std::string(5'000, 'z');
  open();
  EXPECT_THAT(warning_, HasSubstr("is damaged"));
}

// A limit on the size of files stands for the full disk: the write ends in an error in the middle of a commit.
TEST_F(JournalFile, LosesNothingWhileTheDiskIsFull) {
  open();
  apply(core::store::PutEpoch{1});
  commit();
  const auto small = ulid_at(at(1'000), 1);
  const auto large = ulid_at(at(1'000), 2);
  const auto later = ulid_at(at(1'000), 3);
  auto record = full_outgoing(large);
  record.request.assign(1 << 20, 'x');
  apply(core::store::PutOutgoing{full_outgoing(small)});
  apply(core::store::PutOutgoing{record});

  auto* const old_handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit tight{fs::file_size(path().string() + "-wal") + 100'000, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tight);
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto error = journal_->commit();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::StoreFull);
    EXPECT_TRUE(error->retryable);
    EXPECT_EQ(journal_->outgoing(large)->request.size(), record.request.size());
  }
  apply(core::store::PutOutgoing{full_outgoing(later)});
  EXPECT_TRUE(journal_->outgoing(later));
  EXPECT_TRUE(journal_->commit());
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  ::signal(SIGXFSZ, old_handler);

  commit();
  EXPECT_EQ(journal_->uncommitted(), 0U);
  crash_and_open();
  EXPECT_TRUE(journal_->outgoing(small));
  EXPECT_EQ(journal_->outgoing(large)->request, record.request);
  EXPECT_TRUE(journal_->outgoing(later));
  EXPECT_EQ(journal_->list_outgoing(10).size(), 3U);
}

}  // namespace
}  // namespace clawbridge::store
