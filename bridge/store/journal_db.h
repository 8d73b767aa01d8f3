// The journal: what the core keeps across restarts, in one SQLite file.
//
// Orders are applied inside a transaction that the first of them opens, and are durable when commit() says so; reads
// see them at once. A commit that fails (disk full) loses nothing: SQLite rolls back, so the orders since the last
// commit are kept in memory, applied again, and go with the next commit().
//
// One process per file: the lock is taken when the file is opened and held until the object dies.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/cryptography.h"
#include "bridge/core/journal.h"
#include "bridge/store/db.h"
#include "bridge/store/journal_file.h"
#include "topics/result.h"

namespace clawbridge::store {

/// Lives on one thread. Reading and applying throw StoreError when SQLite fails, which must stop the daemon.
class JournalDb : public core::JournalReader {
 public:
  struct Opened {
    std::unique_ptr<JournalDb> journal;
    /// For a person, empty when all is well: the file was damaged and set aside, and this journal is a new one.
    std::string warning;
  };

  /// Opens the journal at `path`, or makes it (mode 0600) and its folder (0700).
  /// Error, naming the file: in use by another process, written by a newer release, not a journal, not accessible.
  /// A damaged journal is renamed to `<path>.damaged-<time>` and a new one begins; see Opened::warning.
  /// `random`: for the incarnation of a new journal; not kept.
  [[nodiscard]] static Result<Opened> open(const std::filesystem::path& path, Durability durability,
                                           core::Random& random);

  /// What restore() would give for a file that somebody else has opened. REQUIRES: of the present format.
  [[nodiscard]] static core::Snapshot snapshot_of(std::unique_ptr<Db> db);

  ~JournalDb() override;

  /// What the core starts from. REQUIRES: nothing applied yet.
  [[nodiscard]] core::Snapshot restore();

  /// Does what the order says, not yet durably. Takes the order, because a failed commit needs it again.
  void apply(core::StoreOrder order);

  /// Makes everything applied so far durable. Nothing: done (or nothing to do). An Error, retryable: the disk is full
  /// or failing; the orders are kept, reads still see them, and the caller tries again later.
  [[nodiscard]] std::optional<Error> commit();

  /// Orders applied and not committed.
  [[nodiscard]] std::size_t uncommitted() const { return uncommitted_.size(); }

  /// Dead letters that were asked here, and those of others that were answered here. `own`: our name; what a gateway asks of itself is
  /// among the first alone.
  struct DeadLetters {
    std::uint64_t outgoing = 0;
    std::uint64_t incoming = 0;
  };
  [[nodiscard]] DeadLetters count_dead(std::string_view own);

  [[nodiscard]] std::optional<core::IncomingRecord> incoming(std::string_view source_gateway,
                                                             std::string_view id) override;
  [[nodiscard]] std::optional<core::OutgoingRecord> outgoing(std::string_view id) override;
  [[nodiscard]] std::uint64_t incoming_bytes(std::string_view source_gateway) override;
  [[nodiscard]] std::vector<core::OutgoingRecord> list_outgoing(std::size_t limit) override;
  [[nodiscard]] std::vector<core::IncomingRecord> list_incoming(std::size_t limit) override;
  [[nodiscard]] std::vector<core::OutgoingRecord> dead_outgoing(std::size_t limit) override;
  [[nodiscard]] std::vector<core::IncomingRecord> dead_incoming(std::size_t limit) override;
  [[nodiscard]] std::vector<core::ReplayMark> replay_marks() override;
  [[nodiscard]] std::optional<core::IncomingRecord> find_incoming(std::string_view id) override;

 private:
  struct Statements;

  explicit JournalDb(std::unique_ptr<Db> db);

  void write(const core::store::PutOutgoing& order);
  void write(const core::store::UpdateOutgoing& order);
  void write(const core::store::PutIncoming& order);
  void write(const core::store::UpdateIncoming& order);
  void write(const core::store::Told& order);
  void write(const core::store::BuryDead& order);
  void write(const core::store::AcknowledgeIncoming& order);
  void write(const core::store::PutPeer& order);
  void write(const core::store::RemovePeer& order);
  void write(const core::store::Purge& order);
  void write(const core::store::PutEpoch& order);

  void write_in_transaction(const core::StoreOrder& order);
  void roll_back();
  /// Applies the uncommitted orders again if SQLite has rolled them back.
  void catch_up();

  std::vector<core::OutgoingRecord> outgoing_of(Statement& statement, std::size_t limit);
  std::vector<core::IncomingRecord> incoming_of(Statement& statement, std::size_t limit);
  std::optional<std::int64_t> outgoing_row(std::string_view id);
  std::optional<std::int64_t> incoming_row(std::string_view source_gateway, std::string_view id);
  void remove_outgoing(std::int64_t row);
  void remove_incoming(std::int64_t row);
  void purge_outgoing(const core::store::Purge& order);
  void purge_incoming(const core::store::Purge& order);
  void write_large(std::int64_t id, std::string_view bytes);
  void forget_large(std::int64_t id);
  void raise_mark(const core::ReplayMark& mark);
  void add_incoming_bytes(std::string_view source_gateway, std::size_t bytes);

  std::unique_ptr<Db> db_;
  std::unique_ptr<Statements> statements_;
  std::vector<core::StoreOrder> uncommitted_;
  std::optional<std::map<std::string, std::uint64_t, std::less<>>> incoming_bytes_;  // by source gateway; nothing: to be counted
  bool rolled_back_ = false;  // the uncommitted orders are not in the database
};

}  // namespace clawbridge::store
