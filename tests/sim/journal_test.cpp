// The virtual journal against the real one: the same orders, in the same transactions, must read back the same.
#include "tests/sim/journal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "bridge/store/journal_db.h"
#include "tests/sim/random.h"
#include "topics/ulid.h"

namespace clawbridge::sim {
namespace {

using namespace core;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kStart = *parse_time("2026-11-22T16:20:00.000Z");

class NoObserver final : public CommitObserver {
 public:
  void outgoing_committed(const OutgoingRecord*, const OutgoingRecord*) override {}
  void incoming_committed(const IncomingRecord*, const IncomingRecord*) override {}
};

std::string text(const std::vector<StageTime>& stages) {
  std::string all;
  for (const auto& stage : stages) all += stage.stage + "@" + format_time(stage.time) + " ";
  return all;
}

std::string text(const OutgoingRecord& r) {
  std::ostringstream out;
  out << r.id << '|' << r.source.str() << '|' << r.asker << '|' << r.target.str() << '|' << to_string(r.op) << '|' << r.session << '|' << r.chain.size() << '|'
      << format_time(r.created) << '|' << format_time(r.expiry) << '|' << r.incarnation << '|' << r.request << '|' << r.receipt << '|' << r.stage << '|' << r.reason << '|'
      << r.run_id << '|' << text(r.stages) << '|' << r.status << '|' << r.reply << '|' << (r.error ? r.error->message : "none") << '|' << format_time(r.ended) << '|'
      << r.child_session_key << '|' << r.deliver_late;
  return out.str();
}

std::string text(const IncomingRecord& r) {
  std::ostringstream out;
  out << r.source_gateway << '|' << r.id << '|' << hex_encode(r.digest) << '|' << r.request << '|' << r.source.str() << '|' << r.target.str() << '|' << to_string(r.op) << '|'
      << r.session << '|' << r.session_key << '|' << format_time(r.expiry) << '|' << format_time(r.received) << '|' << static_cast<int>(r.stage) << '|' << r.attempt << '|'
      << r.boot_id << '|' << r.run_id << '|' << r.receipt << '|' << r.reply << '|' << r.status << '|' << text(r.stages) << '|' << format_time(r.ended) << '|'
      << r.acknowledged << '|' << r.sealed;
  return out.str();
}

std::string text(const PeerRecord& r) {
  return r.gateway + "|" + std::string(to_string(r.trust)) + "|" + hex_encode(r.sign_key) + "|" + r.incarnation + "|" + std::to_string(r.epoch) + "|" + std::to_string(r.revision) + "|" + r.state;
}

std::string text(const ReplayMark& r) { return r.gateway + "|" + format_time(r.id_time) + "|" + format_time(r.expiry); }

std::string text(const std::pair<std::string, std::string>& newest) { return newest.first + "|" + newest.second; }

template <class T>
std::vector<std::string> texts(const std::vector<T>& records) {
  std::vector<std::string> all;
  for (const auto& record : records) all.push_back(text(record));
  return all;
}

template <class T>
std::string text(const std::optional<T>& record) {
  return record ? text(*record) : "nothing";
}

/// Both journals, fed with the same.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : dice_(seed) {
    auto pattern = (std::filesystem::temp_directory_path() / "clawbridge-sim-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    open();
    virtual_ = std::make_unique<Journal>(real_->restore().incarnation);
  }
  ~Pair() { std::filesystem::remove_all(folder_); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void run() {
    for (int transaction = 0; transaction < 40; ++transaction) {
      const auto orders = 1 + dice_.below(6);
      for (std::uint64_t i = 0; i < orders; ++i) {
        auto order = draw();
        virtual_->apply(order);
        real_->apply(std::move(order));
        now_ += std::chrono::duration_cast<milliseconds>(dice_.spread(milliseconds{1}, hours{12}));
      }
      compare_reads();
      ASSERT_FALSE(real_->commit());
      NoObserver observer;
      virtual_->commit(observer);
      if (dice_.chance(0.2)) reopen();
    }
    reopen();
  }

 private:
  void open() {
    auto opened = clawbridge::store::JournalDb::open(folder_ / "journal.db", clawbridge::store::Durability::Process, dice_);
    ASSERT_TRUE(opened) << opened.error().message;
    real_ = std::move(opened->journal);
  }

  void reopen() {
    real_.reset();
    open();
    const auto a = real_->restore();
    const auto b = virtual_->restore();
    EXPECT_EQ(a.incarnation, b.incarnation);
    EXPECT_EQ(a.epoch, b.epoch);
    EXPECT_EQ(a.last_id, b.last_id);
    EXPECT_EQ(texts(a.outgoing), texts(b.outgoing));
    EXPECT_EQ(texts(a.incoming), texts(b.incoming));
    EXPECT_EQ(a.answered, b.answered);
    EXPECT_EQ(a.untold, b.untold);
    EXPECT_EQ(texts(a.peers), texts(b.peers));
    EXPECT_EQ(texts(a.replay_marks), texts(b.replay_marks));
    EXPECT_EQ(texts(a.newest_ids), texts(b.newest_ids));
  }

  void compare_reads() {
    for (const auto& id : outgoing_) EXPECT_EQ(text(real_->outgoing(id)), text(virtual_->outgoing(id)));
    for (const auto& [gateway, id] : incoming_) {
      EXPECT_EQ(text(real_->incoming(gateway, id)), text(virtual_->incoming(gateway, id)));
      EXPECT_EQ(text(real_->find_incoming(id)), text(virtual_->find_incoming(id)));
    }
    for (const auto* gateway : {"imac", "studio"}) EXPECT_EQ(real_->incoming_bytes(gateway), virtual_->incoming_bytes(gateway));
    EXPECT_EQ(texts(real_->list_outgoing(5)), texts(virtual_->list_outgoing(5)));
    EXPECT_EQ(texts(real_->list_incoming(5)), texts(virtual_->list_incoming(5)));
    EXPECT_EQ(texts(real_->replay_marks()), texts(virtual_->replay_marks()));
  }

  std::string id() {
    std::array<std::uint8_t, 10> entropy{};
    dice_.fill(entropy);
    return ids_.next(now_, entropy);
  }
  std::string bytes() { return std::string(dice_.below(dice_.chance(0.1) ? 40'000 : 40), 'x'); }
  std::vector<StageTime> stages() { return {{"stored", now_}, {"ended", now_ + seconds{1}}}; }
  const std::string& some(const std::vector<std::string>& ids) { return ids[dice_.below(ids.size())]; }

  StoreOrder draw() {
    const auto kind = dice_.below(11);
    if (kind == 0 || outgoing_.empty()) return put_outgoing();
    if (kind == 1 || incoming_.empty()) return put_incoming();
    if (kind == 2) return put_peer();
    if (kind == 3) return core::store::PutEpoch{dice_.below(1'000'000)};
    if (kind == 4) {
      return core::store::Purge{.outgoing_ended_before = now_ - hours{24}, .incoming_expiry_before = now_ - hours{1}, .incoming_ended_before = now_ - hours{7 * 24}, .rows_max = 3};
    }
    if (kind == 10) return core::store::Told{{some(outgoing_), some(outgoing_)}};
    const auto& [gateway, incoming] = incoming_[dice_.below(incoming_.size())];
    if (kind == 5) return core::store::AcknowledgeIncoming{gateway, {incoming}};
    const auto ended = dice_.chance(0.5);
    if (kind <= 7) {
      return core::store::UpdateOutgoing{.id = some(outgoing_), .receipt = dice_.chance(0.5), .stage = "queued", .reason = "busy", .run_id = "r", .stages = stages(), .status = ended ? "ok" : "",
                                   .reply = ended ? bytes() : "", .error = dice_.chance(0.2) ? std::optional(Error{ErrorCode::Timeout, "why", true}) : std::nullopt,
                                   .ended = ended ? now_ : WallTime{}, .dead = dice_.chance(0.2),
                                   .child_session_key = dice_.chance(0.2) ? "agent:main:claw:macbook:1" : "", .deliver_late = dice_.chance(0.5)};
    }
    // A reply is journaled once.
    const auto held = virtual_->incoming(gateway, incoming);
    const bool replies = ended && held && held->reply.empty();
    return core::store::UpdateIncoming{.source_gateway = gateway, .id = incoming, .session_key = "agent:main:main", .stage = ended ? IncomingStage::Ended : IncomingStage::Started,
                                 .attempt = static_cast<std::uint32_t>(dice_.below(4)), .boot_id = "boot", .run_id = "r", .receipt = dice_.chance(0.3) ? bytes() : "",
                                 .reply = replies ? bytes() : "", .status = ended ? "ok" : "", .stages = stages(), .losses = static_cast<std::uint32_t>(dice_.below(3)), .ended = ended ? now_ : WallTime{}, .dead = dice_.chance(0.2)};
  }

  StoreOrder put_outgoing() {
    OutgoingRecord record;
    const bool again = !outgoing_.empty() && dice_.chance(0.3);
    record.id = again ? some(outgoing_) : outgoing_.emplace_back(id());
    record.source = {"macbook", "main"};
    record.target = {"imac", "main"};
    record.asker = "agent:main:main";
    record.created = now_;
    record.expiry = now_ + hours{24};
    record.incarnation = again ? "0123" : "";
    record.request = bytes();
    record.stage = "published";
    record.stages = stages();
    record.status = dice_.chance(0.2) ? "expired" : "";
    record.ended = record.status.empty() ? WallTime{} : now_;
    record.deliver_late = dice_.chance(0.5);
    return core::store::PutOutgoing{std::move(record)};
  }

  StoreOrder put_incoming() {
    IncomingRecord record;
    // In the place of a tombstone, or new: the core never puts anything else twice.
    std::vector<std::pair<std::string, std::string>> tombstones;
    for (const auto& key : incoming_) {
      const auto kept = virtual_->incoming(key.first, key.second);
      if (kept && kept->stage == IncomingStage::Tombstone) tombstones.push_back(key);
    }
    const auto key = !tombstones.empty() && dice_.chance(0.3) ? dice_.pick(tombstones) : incoming_.emplace_back(dice_.chance(0.5) ? "imac" : "studio", id());
    record.source_gateway = key.first;
    record.id = key.second;
    record.source = {key.first, "main"};
    record.target = {"macbook", "main"};
    record.expiry = now_ + std::chrono::duration_cast<milliseconds>(dice_.spread(seconds{1}, hours{24}));
    record.received = now_;
    const auto stage = dice_.below(4);
    record.stage = stage == 0 ? IncomingStage::Tombstone : stage == 1 ? IncomingStage::Ended : stage == 2 ? IncomingStage::HandingOver : IncomingStage::Stored;
    if (record.stage != IncomingStage::Tombstone) record.request = bytes();
    if (record.stage == IncomingStage::Ended) {
      record.reply = bytes();
      record.status = "rejected";
    }
    if (stage <= 1) record.ended = now_;
    record.stages = stages();
    record.sealed = dice_.chance(0.2);
    return core::store::PutIncoming{std::move(record)};
  }

  StoreOrder put_peer() {
    PeerRecord record;
    record.gateway = dice_.chance(0.5) ? "imac" : "studio";
    record.trust = dice_.chance(0.5) ? PeerTrust::Joined : PeerTrust::Revoked;
    dice_.fill(record.sign_key);
    record.incarnation = "0123";
    record.epoch = dice_.below(1'000);
    record.revision = dice_.below(10);
    record.state = bytes();
    return core::store::PutPeer{std::move(record)};
  }

  Dice dice_;
  std::filesystem::path folder_;
  std::unique_ptr<clawbridge::store::JournalDb> real_;
  std::unique_ptr<Journal> virtual_;
  WallTime now_ = kStart;
  UlidSequence ids_;
  std::vector<std::string> outgoing_;
  std::vector<std::pair<std::string, std::string>> incoming_;
};

TEST(SimJournal, ReadsBackWhatTheRealJournalDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace clawbridge::sim
