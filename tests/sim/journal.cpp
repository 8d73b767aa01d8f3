#include "tests/sim/journal.h"

#include <algorithm>
#include <array>

#include "bridge/core/planted.h"
#include "topics/ulid.h"

namespace clawbridge::sim {

using namespace core;

namespace {

OutgoingRecord without_payloads(OutgoingRecord record) {
  record.request_bytes = record.request.size();
  record.request.clear();
  record.reply.clear();
  return record;
}

IncomingRecord without_payloads(IncomingRecord record) {
  record.request.clear();
  record.reply.clear();
  record.receipt.clear();
  return record;
}

bool is_trusted(const PeerRecord& peer) { return peer.trust != PeerTrust::Pending && peer.trust != PeerTrust::Revoked; }

bool has_ended(const IncomingRecord& record) { return record.stage == IncomingStage::Ended || record.stage == IncomingStage::Tombstone; }

}  // namespace

// ---- reading ----

Snapshot Journal::restore() {
  Snapshot snapshot;
  snapshot.incarnation = incarnation_;
  snapshot.epoch = epoch_;
  outgoing_.for_each([&](const auto& id, const auto& record) {
    snapshot.last_id = id;
    if (record.status.empty()) {
      snapshot.outgoing.push_back(without_payloads(record));
    } else if (record.deliver_late) {
      snapshot.untold.push_back(id);
    }
  });
  outgoing_.for_each([&](const auto& id, const auto& record) {
    if (!record.reply.empty()) snapshot.answered.emplace_back(record.target.gateway, id);
  });
  std::reverse(snapshot.answered.begin(), snapshot.answered.end());  // the newest first
  if (snapshot.answered.size() > core::kAnsweredMax) snapshot.answered.resize(core::kAnsweredMax);
  std::vector<const Row*> open;
  std::map<std::string, std::string> newest;
  incoming_.for_each([&](const auto& key, const Row& row) {
    newest[key.first] = key.second;  // in the order of the ids
    if (!has_ended(row.record)) open.push_back(&row);
  });
  std::sort(open.begin(), open.end(), [](const auto* a, const auto* b) { return a->row < b->row; });
  for (const auto* row : open) snapshot.incoming.push_back(without_payloads(row->record));
  peers_.for_each([&](const auto&, const auto& record) { snapshot.peers.push_back(record); });
  snapshot.replay_marks = replay_marks();
  snapshot.newest_ids.assign(newest.begin(), newest.end());
  return snapshot;
}

const IncomingRecord* Journal::committed_incoming(const std::string& source_gateway, const std::string& id) const {
  const auto* row = incoming_.committed({source_gateway, id});
  return row == nullptr ? nullptr : &row->record;
}

std::optional<IncomingRecord> Journal::incoming(std::string_view source_gateway, std::string_view id) {
  const auto* row = incoming_.find({std::string(source_gateway), std::string(id)});
  return row == nullptr ? std::nullopt : std::optional(row->record);
}

std::optional<OutgoingRecord> Journal::outgoing(std::string_view id) {
  const auto* record = outgoing_.find(std::string(id));
  if (record == nullptr) return std::nullopt;
  auto read = *record;
  read.request_bytes = read.request.size();
  return read;
}

std::uint64_t Journal::incoming_bytes(std::string_view source_gateway) {
  std::uint64_t bytes = 0;
  incoming_.for_each([&](const auto& key, const Row& row) {
    if (key.first == source_gateway) bytes += row.record.request.size() + row.record.reply.size();
  });
  return bytes;
}

template <class Wanted>
std::vector<OutgoingRecord> Journal::newest_outgoing(std::size_t limit, Wanted wanted) const {
  std::vector<OutgoingRecord> records;
  outgoing_.for_each([&](const auto&, const auto& record) {
    if (wanted(record)) records.push_back(without_payloads(record));
  });
  std::reverse(records.begin(), records.end());
  if (records.size() > limit) records.resize(limit);
  return records;
}

std::vector<OutgoingRecord> Journal::list_outgoing(std::size_t limit) {
  return newest_outgoing(limit, [](const auto&) { return true; });
}

std::vector<OutgoingRecord> Journal::dead_outgoing(std::size_t limit) {
  return newest_outgoing(limit, [](const auto& record) { return record.dead; });
}

std::vector<IncomingRecord> Journal::list_incoming(std::size_t limit) {
  return newest_incoming(limit, [](const auto&) { return true; });
}

std::vector<IncomingRecord> Journal::dead_incoming(std::size_t limit) {
  return newest_incoming(limit, [](const auto& record) { return record.dead; });
}

template <class Wanted>
std::vector<IncomingRecord> Journal::newest_incoming(std::size_t limit, Wanted wanted) const {
  std::vector<const Row*> rows;
  incoming_.for_each([&](const auto&, const Row& row) {
    if (wanted(row.record)) rows.push_back(&row);
  });
  std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) { return a->row > b->row; });
  if (rows.size() > limit) rows.resize(limit);
  std::vector<IncomingRecord> records;
  for (const auto* row : rows) records.push_back(without_payloads(row->record));
  return records;
}

std::vector<ReplayMark> Journal::replay_marks() {
  std::vector<ReplayMark> marks;
  marks_.for_each([&](const auto&, const auto& mark) { marks.push_back(mark); });
  return marks;
}

std::optional<IncomingRecord> Journal::find_incoming(std::string_view id) {
  std::optional<IncomingRecord> found;
  incoming_.for_each([&](const auto& key, const Row& row) {
    if (!found && key.second == id) found = row.record;
  });
  return found;
}

// ---- transactions ----

void Journal::apply(const StoreOrder& order) {
  std::visit([this](const auto& one) { write(one); }, order);
}

void Journal::commit(CommitObserver& observer) {
  peers_.commit([&](const auto& gateway, const PeerRecord* before, const PeerRecord*) {  // first: observers ask whether they were trusted
    if (before != nullptr && is_trusted(*before)) trusted_meanwhile_.insert(gateway);
  });
  outgoing_.commit([&](const auto&, const auto* before, const auto* after) { observer.outgoing_committed(before, after); });
  incoming_.commit([&](const auto& key, const Row* before, const Row* after) {
    if (const auto purged = purged_.find(key); after == nullptr && purged != purged_.end()) before = &purged->second;
    observer.incoming_committed(before == nullptr ? nullptr : &before->record, after == nullptr ? nullptr : &after->record);
  });
  marks_.commit([](const auto&, const auto*, const auto*) {});
  purged_.clear();
  trusted_meanwhile_.clear();
  committed_epoch_ = epoch_;
}

bool Journal::was_trusted(const std::string& gateway) const {
  const auto* peer = peers_.committed(gateway);
  return (peer != nullptr && is_trusted(*peer)) || trusted_meanwhile_.contains(gateway);
}

void Journal::roll_back() {
  outgoing_.roll_back();
  incoming_.roll_back();
  purged_.clear();
  peers_.roll_back();
  trusted_meanwhile_.clear();
  marks_.roll_back();
  epoch_ = committed_epoch_;
}

// ---- orders ----

void Journal::write(const store::PutOutgoing& order) { outgoing_.put(order.record.id, order.record); }

void Journal::write(const store::UpdateOutgoing& order) {
  auto* record = outgoing_.edit(order.id);
  if (record == nullptr) return;
  record->receipt = order.receipt;
  record->stage = order.stage;
  record->reason = order.reason;
  record->run_id = order.run_id;
  record->stages = order.stages;
  record->status = order.status;
  if (!order.reply.empty()) record->reply = order.reply;
  record->error = order.error;
  record->ended = order.ended;
  record->dead = order.dead;
  record->child_session_key = order.child_session_key;
  record->deliver_late = order.deliver_late;
}

void Journal::write(const store::Told& order) {
  for (const auto& id : order.ids) {
    if (auto* record = outgoing_.edit(id)) record->deliver_late = false;
  }
}

void Journal::write(const store::PutIncoming& order) {
  const IncomingKey key{order.record.source_gateway, order.record.id};
  const auto* before = incoming_.find(key);  // a tombstone: its place is kept
  incoming_.put(key, Row{order.record, before == nullptr ? next_row_++ : before->row});
}

void Journal::write(const store::UpdateIncoming& order) {
  auto* row = incoming_.edit({order.source_gateway, order.id});
  if (row == nullptr) return;
  auto& record = row->record;
  record.session_key = order.session_key;
  record.stage = order.stage;
  record.attempt = order.attempt;
  record.boot_id = order.boot_id;
  record.run_id = order.run_id;
  record.status = order.status;
  record.stages = order.stages;
  record.ended = order.ended;
  record.losses = order.losses;
  record.dead = order.dead;
  if (!order.receipt.empty()) record.receipt = order.receipt;
  if (!order.reply.empty()) record.reply = order.reply;
}

void Journal::write(const store::BuryDead& order) {
  if (order.source_gateway.empty()) {
    if (auto* record = outgoing_.edit(order.id)) record->dead = false;
  } else if (auto* row = incoming_.edit({order.source_gateway, order.id})) {
    row->record.dead = false;
  }
}

void Journal::write(const store::AcknowledgeIncoming& order) {
  for (const auto& id : order.ids) {
    if (auto* row = incoming_.edit({order.source_gateway, id})) row->record.acknowledged = true;
  }
}

void Journal::write(const store::PutPeer& order) {
  if (is_trusted(order.record)) trusted_meanwhile_.insert(order.record.gateway);
  peers_.put(order.record.gateway, order.record);
}

void Journal::write(const store::RemovePeer& order) { peers_.erase(order.gateway); }

void Journal::write(const store::PutEpoch& order) { epoch_ = order.epoch; }

void Journal::write(const store::Purge& order) {
  constexpr std::array<std::uint8_t, 10> kNoEntropy{};
  const auto id_limit = UlidSequence{}.next(order.outgoing_ended_before, kNoEntropy);
  std::vector<std::string> outgoing;
  outgoing_.for_each([&](const auto& id, const auto& record) {
    if (id < id_limit && !record.status.empty() && record.ended < order.outgoing_ended_before && outgoing.size() < order.rows_max) outgoing.push_back(id);
  });
  for (const auto& id : outgoing) outgoing_.erase(id);

  std::vector<const Row*> incoming;
  incoming_.for_each([&](const auto&, const Row& row) {
    const auto& record = row.record;
    const bool may_go = record.acknowledged || std::max(record.ended, record.received) < order.incoming_ended_before;
    if (record.expiry < order.incoming_expiry_before && has_ended(record) && may_go) incoming.push_back(&row);
  });
  std::sort(incoming.begin(), incoming.end(),
            [](const auto* a, const auto* b) { return std::pair(a->record.expiry, a->row) < std::pair(b->record.expiry, b->row); });
  if (incoming.size() > order.rows_max) incoming.resize(order.rows_max);
  std::vector<IncomingKey> gone;
  for (const auto* row : incoming) gone.emplace_back(row->record.source_gateway, row->record.id);
  for (const auto& key : gone) {
    const auto record = incoming_.find(key)->record;
    purged_.insert_or_assign(key, *incoming_.find(key));
    incoming_.erase(key);
    if (planted(Planted::PurgeWithoutMarks)) continue;
    ReplayMark mark;
    mark.gateway = key.first;
    if (const auto* before = marks_.find(key.first)) mark = *before;
    const auto id_time = is_ulid(key.second) ? ulid_time(key.second) : WallTime{};
    mark.id_time = std::max(mark.id_time, id_time);
    mark.expiry = std::max(mark.expiry, record.expiry);
    if (!record.acknowledged && record.stage != IncomingStage::Tombstone) mark.forgotten = std::max(mark.forgotten, id_time);
    marks_.put(key.first, mark);
  }
}

}  // namespace clawbridge::sim
