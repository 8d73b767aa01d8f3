#include "bridge/core/cancels.h"

#include <utility>

namespace clawbridge::core {

using action::Level;

constexpr std::size_t kWaitingMax = 8;  // for one exchange

body::Reply cancel_reply(std::string_view status, std::optional<bool> ran) {
  body::Reply reply;
  if (status == to_string(ReplyStatus::Cancelled)) {
    reply.cancel_result = "cancelled";
    reply.ran = ran;
  } else if (status.empty()) {
    reply.cancel_result = "cannot_abort";
  } else {
    reply.cancel_result = "already_ended";
    reply.cancel_outcome = status;
  }
  return reply;
}

void Cancels::restore(std::vector<IncomingRecord> records) {
  for (auto& record : records) waiting_[{record.source_gateway, record.session}].push_back(std::move(record));
}

void Cancels::start() {
  std::vector<Turns::Key> targets;
  for (const auto& [target, records] : waiting_) targets.push_back(target);
  for (const auto& target : targets) look(target);
}

bool Cancels::take(IncomingRecord record) {
  const Turns::Key target{record.source_gateway, record.session};
  if (const auto found = waiting_.find(target); found != waiting_.end() && found->second.size() >= kWaitingMax) return false;
  context_.count("cancel.taken");
  context_.note(Level::Info, "exchange.cancelling", {{"cid", target.second}, {"peer", target.first}, {"by", record.source.str()}});
  // The requester repeats what has no receipt: this one is told at once.
  if (const auto* peer = peers_.find(target.first); peer != nullptr && peer->can_be_told()) {
    const body::Receipt stored{.stage = Stage::Stored, .reason = {}, .retry_after = {}, .position = {}, .run_id = {}, .child_session_key = {}};
    record.receipt = answers_.encode(record.target, record.source, record.id, stored);
    answers_.publish(record.source, record.id, record.receipt);
  }
  auto kept = record;
  kept.request.clear();
  kept.receipt.clear();
  context_.store(store::PutIncoming{std::move(record)});
  waiting_[target].push_back(std::move(kept));
  look(target);
  return true;
}

// The exchange may have ended while nobody looked: then its cancel requests are answered from the journal.
void Cancels::look(const Turns::Key& target) {
  if (turns_.find(target) != nullptr) {
    turns_.cancel(target);
  } else if (const auto record = context_.incoming(target.first, target.second)) {
    on_settled({target, record->status, std::nullopt});
  } else {
    on_settled({target, std::string(to_string(ReplyStatus::Interrupted)), std::nullopt});  // purged meanwhile
  }
}

void Cancels::on_settled(const Turns::Settled& settled) {
  const auto found = waiting_.find(settled.key);
  if (found == waiting_.end()) return;
  const auto records = std::move(found->second);
  waiting_.erase(found);
  for (const auto& record : records) answer(record, cancel_reply(settled.status, settled.ran));
}

void Cancels::answer(IncomingRecord record, const body::Reply& reply) {
  record.stage = IncomingStage::Ended;
  record.status = to_string(reply.status);
  record.ended = context_.now.wall;
  record.stages.push_back({"ended", context_.now.wall});
  record.reply = answers_.encode(record.target, record.source, record.id, reply, record.sealed);
  context_.note(Level::Info, "exchange.cancel_answered", {{"cid", record.session}, {"peer", record.source_gateway}, {"result", reply.cancel_result}});
  answers_.publish(record.source, record.id, record.reply);
  if (record.request.empty()) {
    context_.store(store::UpdateIncoming{record.source_gateway, record.id, {}, record.stage, 0, {}, {}, {}, record.reply, record.status, record.stages, 0, record.ended, false});
  } else {
    context_.store(store::PutIncoming{std::move(record)});
  }
}

}  // namespace clawbridge::core
