#include "tests/sim/wire_checker.h"

namespace clawbridge::sim {
namespace {

using core::IncomingStage;

constexpr std::size_t kOnWireMax = 16;

bool waits_for_receipt(const core::OutgoingRecord& record) { return record.status.empty() && !record.receipt; }

std::string lane_of(const core::OutgoingRecord& record) {
  if (record.op == Operation::SessionsSpawn) return record.id;  // a session of its own
  return record.source.str() + "|" + record.target.str() + "|" + (record.session.empty() ? "agent:" + record.target.agent + ":main" : record.session);
}

}  // namespace

void WireChecker::wrong(const std::string& why, const Message& message) {
  trace_.violation("wire", site_.name + " publishes " + why + ": " + (message.correlation_id.empty() ? message.id : message.correlation_id) + " from " +
                               message.source.str() + " to " + message.subject.str());
}

void WireChecker::published(const core::action::Publish& publish) {
  const auto topic = topics_.parse(publish.topic);
  if (!topic) {
    trace_.violation("wire", site_.name + " publishes to " + publish.topic + ", which is no topic of the contract");
    return;
  }
  auto decoded = decoder_.decode(publish.payload, *topic, topics_);
  const auto* message = std::get_if<Message>(&decoded);
  if (message == nullptr) {
    trace_.violation("wire", site_.name + " publishes what nobody can read to " + publish.topic + ": " + std::get<DecodeFailure>(decoded).error.message);
    return;
  }
  switch (message->type) {
    case MessageType::Request: request(*message, publish.payload); break;
    case MessageType::Receipt: receipt(*message); break;
    case MessageType::Reply: reply(*message, publish.payload); break;
    case MessageType::Ack: acknowledgement(*message); break;
    case MessageType::Refusal:
      trace_.count("refusals");
      break;
    default: break;
  }
}

void WireChecker::request(const Message& message, std::string_view payload) {
  if (is_read_only(message.op)) return;
  trace_.count("requests published");
  const auto* record = site_.journal->committed_outgoing(message.id);
  if (record == nullptr || record->request != payload) return wrong("a request whose bytes no commit holds", message);
  if (message.op == Operation::Cancel) return;  // in no lane, and not among the sixteen
  if (!waits_for_receipt(*record)) return;      // overtaken within this turn of the loop
  const auto lane = lane_of(*record);
  for (const auto& [id, other] : site_.journal->committed_outgoing()) {
    if (id >= message.id) break;
    if (other.op == message.op && waits_for_receipt(other) && lane_of(other) == lane) return wrong("a request before the one ahead of it in its lane has a receipt", message);
  }
  auto& on_wire = on_wire_[message.subject.gateway];
  on_wire.insert(message.id);
  std::erase_if(on_wire, [&](const auto& id) {
    const auto* other = site_.journal->committed_outgoing(id);
    return other == nullptr || !waits_for_receipt(*other);
  });
  if (on_wire.size() > kOnWireMax) wrong("more than 16 requests without a receipt", message);
}

void WireChecker::receipt(const Message& message) {
  const auto* receipt = message.get<body::Receipt>();
  if (receipt == nullptr) return wrong("a receipt without content", message);
  if (receipt->stage == Stage::Deferred) {
    trace_.count("requests deferred");
    if (receipt->reason == "store_full") exchanges_.may_wait(message.subject.gateway, message.correlation_id);
    return;
  }
  const auto* record = site_.journal->committed_incoming(message.subject.gateway, message.correlation_id);
  if (record == nullptr || record->stage == IncomingStage::Tombstone) return wrong("a receipt for what no commit holds", message);
  const bool started = record->stage == IncomingStage::Started || record->stage == IncomingStage::Ended || record->stage == IncomingStage::Queued;
  if (receipt->stage == Stage::Started && !started) wrong("`started` before it is stored", message);
}

void WireChecker::reply(const Message& message, std::string_view payload) {
  const auto* record = site_.journal->committed_incoming(message.subject.gateway, message.correlation_id);
  if (message.source.is_bridge() && record == nullptr) return;  // of a question that only reads
  // What was answered once more and purged in one turn of the loop is gone already.
  if (record == nullptr && exchanges_.was_answered(message.subject.gateway, message.correlation_id)) return;
  if (record == nullptr || record->stage != IncomingStage::Ended) return wrong("a reply that no commit holds", message);
  if (record->reply != payload) wrong("another reply than the commit holds", message);
}

void WireChecker::acknowledgement(const Message& message) {
  const auto* ack = message.get<body::Ack>();
  if (ack == nullptr || ack->ids.empty() || ack->ids.size() > kAckIdsMax) return wrong("an acknowledgement without ids, or with too many", message);
  for (const auto& id : ack->ids) {
    const auto* record = site_.journal->committed_outgoing(id);
    if (record != nullptr && record->status.empty()) return wrong("an acknowledgement of a reply that no commit holds", message);
  }
}

}  // namespace clawbridge::sim
