// A journal in a temporary folder, and records with every field set.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "bridge/store/journal_db.h"
#include "topics/ulid.h"

namespace clawbridge::store {

/// Counts up, so that every journal of one test has another incarnation.
class CountingRandom : public core::Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override {
    for (auto& byte : bytes) byte = next_++;
  }

 private:
  std::uint8_t next_ = 1;
};

inline WallTime at(std::int64_t ms) {
  return WallTime{std::chrono::milliseconds{ms}};
}

/// A ULID with the given time and last characters.
inline std::string ulid_at(WallTime time, std::uint8_t last = 1) {
  return UlidSequence{}.next(time, std::array<std::uint8_t, 10>{0, 0, 0, 0, 0, 0, 0, 0, 0, last});
}

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "clawbridge-journal.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~JournalTest() override {
    journal_.reset();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::filesystem::path path() const { return folder_ / "journal.db"; }

  /// Opens the journal, or opens it again.
  void open(Durability durability = Durability::Process) { open_at(path(), durability); }
  void open_at(const std::filesystem::path& where, Durability durability = Durability::Process) {
    journal_.reset();
    auto opened = JournalDb::open(where, durability, random_);
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(opened->journal);
    warning_ = opened->warning;
  }
  [[nodiscard]] std::string refusal() {
    auto opened = JournalDb::open(path(), Durability::Process, random_);
    return opened ? "opened" : opened.error().message;
  }
  void apply(core::StoreOrder order) { journal_->apply(std::move(order)); }
  void commit() {
    const auto error = journal_->commit();
    ASSERT_FALSE(error) << error->message;
  }
  /// What a crash leaves: the files as they are on the disk now, opened elsewhere.
  void crash_and_open() {
    const auto elsewhere = folder_ / ("crashed-" + std::to_string(++crashes_));
    std::filesystem::create_directory(elsewhere);
    for (const char* suffix : {"", "-wal"}) {
      const auto file = std::filesystem::path(path().string() + suffix);
      if (std::filesystem::exists(file)) std::filesystem::copy_file(file, elsewhere / file.filename());
    }
    open_at(elsewhere / "journal.db");
  }

  std::filesystem::path folder_;
  CountingRandom random_;
  std::unique_ptr<JournalDb> journal_;
  std::string warning_;
  int crashes_ = 0;
};

inline core::OutgoingRecord full_outgoing(const std::string& id) {
  return {.id = id,
          .source = {"macbook", "main"},
          .asker = "agent:main:work",
          .target = {"imac", "jarvis"},
          .op = Operation::SessionsSend,
          .session = "agent:jarvis:main",
          .chain = {"01M820XBZAC4PEAQ5JRFVJ00CF", "01M820XC0Y73ZMN3CM4N8ACG1Q"},
          .created = at(1'000),
          .expiry = at(2'000),
          .incarnation = "cbba91f9f22a199a4ed489fca47b7434",
          .request = "{\"request\":1}",
          .receipt = true,
          .stage = "queued",
          .reason = "gateway_down",
          .run_id = "run-1",
          .stages = {{"accepted", at(1'001)}, {"queued", at(1'002)}},
          .status = "",
          .reply = "",
          .error = std::nullopt,
          .ended = at(0),
          .child_session_key = "agent:jarvis:claw:macbook:01",
          .deliver_late = true};
}

inline void run_sql(const std::filesystem::path& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

inline core::IncomingRecord full_incoming(const std::string& source_gateway, const std::string& id) {
  core::IncomingRecord record{.source_gateway = source_gateway,
                              .id = id,
                              .digest = {},
                              .request = "{\"request\":2}",
                              .source = {source_gateway, "main"},
                              .target = {"imac", "jarvis"},
                              .op = Operation::SessionsSend,
                              .session = "label:x",
                              .session_key = "agent:jarvis:main",
                              .expiry = at(5'000),
                              .received = at(3'000),
                              .stage = core::IncomingStage::Queued,
                              .attempt = 3,
                              .boot_id = "boot-7",
                              .run_id = "run-9",
                              .receipt = "{\"receipt\":1}",
                              .reply = "",
                              .status = "",
                              .stages = {{"stored", at(3'001)}},
                              .ended = at(0),
                              .acknowledged = false,
                              .sealed = true};
  record.digest.fill(0xab);
  return record;
}

inline void expect_same(const core::OutgoingRecord& a, const core::OutgoingRecord& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.asker, b.asker);
  EXPECT_EQ(a.chain, b.chain);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.op, b.op);
  EXPECT_EQ(a.session, b.session);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.expiry, b.expiry);
  EXPECT_EQ(a.incarnation, b.incarnation);
  EXPECT_EQ(a.request, b.request);
  EXPECT_EQ(a.receipt, b.receipt);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.run_id, b.run_id);
  ASSERT_EQ(a.stages.size(), b.stages.size());
  for (std::size_t i = 0; i < a.stages.size(); ++i) {
    EXPECT_EQ(a.stages[i].stage, b.stages[i].stage);
    EXPECT_EQ(a.stages[i].time, b.stages[i].time);
  }
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.reply, b.reply);
  EXPECT_EQ(a.error, b.error);
  EXPECT_EQ(a.ended, b.ended);
  EXPECT_EQ(a.child_session_key, b.child_session_key);
  EXPECT_EQ(a.deliver_late, b.deliver_late);
}

inline void expect_same(const core::IncomingRecord& a, const core::IncomingRecord& b) {
  EXPECT_EQ(a.source_gateway, b.source_gateway);
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.sealed, b.sealed);
  EXPECT_EQ(a.digest, b.digest);
  EXPECT_EQ(a.request, b.request);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.op, b.op);
  EXPECT_EQ(a.session, b.session);
  EXPECT_EQ(a.session_key, b.session_key);
  EXPECT_EQ(a.expiry, b.expiry);
  EXPECT_EQ(a.received, b.received);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.boot_id, b.boot_id);
  EXPECT_EQ(a.run_id, b.run_id);
  EXPECT_EQ(a.receipt, b.receipt);
  EXPECT_EQ(a.reply, b.reply);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.stages.size(), b.stages.size());
  EXPECT_EQ(a.ended, b.ended);
  EXPECT_EQ(a.acknowledged, b.acknowledged);
}

}  // namespace clawbridge::store
