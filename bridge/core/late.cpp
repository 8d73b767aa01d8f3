#include "bridge/core/late.h"

#include "bridge/core/router.h"

namespace clawbridge::core {
namespace {

std::string text_about(const OutgoingRecord& ended, const body::Reply* reply) {
  const auto what = ended.op == Operation::SessionsSpawn ? "task" : "message";
  auto text = "[Late reply of " + ended.target.str() + " to your " + what + " of " + format_time(ended.created) + ", correlation id " + ended.id + "]\n\n";
  const auto& error = ended.error ? ended.error : reply != nullptr ? reply->error : std::nullopt;
  if (reply != nullptr && !reply->reply.empty()) text += reply->reply;
  if (reply != nullptr && reply->truncated) text += "\n[cut here]";
  if (reply != nullptr && !reply->attachments.empty()) {
    text += "\n[files came with it: " + std::to_string(reply->attachments.size()) + "; claw_exchange with the correlation id brings them]\n";
  }
  if (ended.status == "no_reply") text += "It has finished without a visible reply.";
  if (ended.status != "ok" && ended.status != "no_reply") {
    text += "There is no reply: " + ended.status + (error ? " (" + error->message + ")" : "") + ".";
  }
  return text;
}

}  // namespace

IncomingRecord late_turn(const Context& context, const OutgoingRecord& ended, const body::Reply* reply) {
  IncomingRecord record;
  record.source_gateway = kLateGateway;
  record.id = ended.id;
  record.request = text_about(ended, reply);
  record.digest = context.crypto.sha256(record.request);
  record.source = ended.target;
  record.target = {context.me(), std::string(agent_of_session(ended.asker))};
  record.session = ended.asker;
  record.session_key = ended.asker;
  record.expiry = context.now.wall + kExpiryMax;
  record.received = context.now.wall;
  record.stages.push_back({"stored", context.now.wall});
  return record;
}

}  // namespace clawbridge::core
