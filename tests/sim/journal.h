// The journal of a virtual bridge: what bridge/store keeps in SQLite, in memory. Orders are applied to a transaction; a commit
// makes them durable, a crash loses those since the last. journal_test.cpp holds it to the behaviour of the real one.
//
// A power loss is the same as a crash here: `durability: power` syncs every commit, and without it the core is promised
// nothing for that case.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/journal.h"
#include "tests/sim/table.h"

namespace clawbridge::sim {

/// Gets every change of a transaction that was committed, before it counts as committed.
class CommitObserver {
 public:
  virtual ~CommitObserver() = default;
  virtual void outgoing_committed(const core::OutgoingRecord* before, const core::OutgoingRecord* after) = 0;
  virtual void incoming_committed(const core::IncomingRecord* before, const core::IncomingRecord* after) = 0;
};

class Journal final : public core::JournalReader {
 public:
  using IncomingKey = std::pair<std::string, std::string>;  // source gateway, id
  struct Row {
    core::IncomingRecord record;
    std::uint64_t row = 0;  // order received
  };

  explicit Journal(std::string incarnation) : incarnation_(std::move(incarnation)) {}

  [[nodiscard]] core::Snapshot restore();
  void apply(const core::StoreOrder& order);
  void commit(CommitObserver& observer);
  /// What a crash leaves.
  void roll_back();

  [[nodiscard]] const std::string& incarnation() const { return incarnation_; }
  [[nodiscard]] const core::OutgoingRecord* committed_outgoing(const std::string& id) const { return outgoing_.committed(id); }
  [[nodiscard]] const core::IncomingRecord* committed_incoming(const std::string& source_gateway, const std::string& id) const;
  [[nodiscard]] const std::map<std::string, core::OutgoingRecord>& committed_outgoing() const { return outgoing_.all_committed(); }
  [[nodiscard]] const std::map<IncomingKey, Row>& committed_incoming() const { return incoming_.all_committed(); }
  [[nodiscard]] const core::PeerRecord* committed_peer(const std::string& gateway) const { return peers_.committed(gateway); }
  /// Whether a peer was trusted before the transaction that is being committed, after it, or at some moment within it: a commit that
  /// waited for a full disk holds many steps.
  [[nodiscard]] bool was_trusted(const std::string& gateway) const;

  [[nodiscard]] std::optional<core::IncomingRecord> incoming(std::string_view source_gateway, std::string_view id) override;
  [[nodiscard]] std::optional<core::OutgoingRecord> outgoing(std::string_view id) override;
  [[nodiscard]] std::uint64_t incoming_bytes(std::string_view source_gateway) override;
  [[nodiscard]] std::vector<core::OutgoingRecord> list_outgoing(std::size_t limit) override;
  [[nodiscard]] std::vector<core::IncomingRecord> list_incoming(std::size_t limit) override;
  [[nodiscard]] std::vector<core::OutgoingRecord> dead_outgoing(std::size_t limit) override;
  [[nodiscard]] std::vector<core::IncomingRecord> dead_incoming(std::size_t limit) override;
  [[nodiscard]] std::vector<core::ReplayMark> replay_marks() override;
  [[nodiscard]] std::optional<core::IncomingRecord> find_incoming(std::string_view id) override;

 private:
  template <class Wanted>
  [[nodiscard]] std::vector<core::OutgoingRecord> newest_outgoing(std::size_t limit, Wanted wanted) const;
  template <class Wanted>
  [[nodiscard]] std::vector<core::IncomingRecord> newest_incoming(std::size_t limit, Wanted wanted) const;
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

  std::string incarnation_;
  Table<std::string, core::OutgoingRecord> outgoing_;
  Table<IncomingKey, Row> incoming_;
  Table<std::string, core::PeerRecord> peers_;
  Table<std::string, core::ReplayMark> marks_;
  std::map<IncomingKey, Row> purged_;                            // by the transaction: as they were last
  std::set<std::string> trusted_meanwhile_;                      // gateways, by the transaction or before it
  std::uint64_t epoch_ = 0;
  std::uint64_t committed_epoch_ = 0;
  std::uint64_t next_row_ = 1;
};

}  // namespace clawbridge::sim
