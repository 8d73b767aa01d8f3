#include "bridge/core/asks.h"

#include "bridge/core/content.h"

namespace clawbridge::core {

bool Asks::ask(const Peer& peer, Operation op, std::string_view data, AskPurpose purpose, std::chrono::milliseconds wait,
               const std::string& incarnation, const AskBetween& between) {
  if (pending_.size() >= context_.options.limits.asks || !peer.can_be_told()) {
    context_.count("ask.refused");
    return false;
  }
  const auto id = context_.new_id();
  const auto& gateway = peer.record.gateway;
  const Address from{context_.me(), between.from};
  const Address to{gateway, between.to};
  auto event = make_request(context_, peer,
                            {.op = op,
                             .id = id,
                             .source = from,
                             .subject = to,
                             .time = context_.now.wall,
                             .chain = {},
                             .expiry = context_.now.wall + wait,
                             .incarnation = incarnation,
                             .key_id = context_.key_id},
                            data);
  action::Publish publish{.topic = context_.topics.inbox(to),
                          .payload = std::move(event),
                          .correlation_id = id,
                          .response_topic = context_.topics.reply(from),
                          .expires_in = std::chrono::ceil<std::chrono::seconds>(wait)};
  pending_.emplace(id, Pending{to, purpose});
  if (op == Operation::Ping) {
    // Through the broker even to ourselves: a ping to our own name asks whether another bridge bears it.
    context_.actions.emplace_back(std::move(publish));
  } else {
    context_.publish(std::move(publish), gateway);
  }
  timers_.schedule(id, context_.now.instant + wait);
  return true;
}

std::optional<AskAnswer> Asks::on_reply(const Message& message) {
  const auto found = pending_.find(message.correlation_id);
  if (found == pending_.end() || found->second.to != message.source) return std::nullopt;
  const auto& gateway = found->second.to.gateway;
  const auto* reply = message.get<body::Reply>();
  const auto* unread = std::get_if<Error>(&message.body);
  AskAnswer answer{gateway, found->second.purpose,
                   reply != nullptr ? Result<body::Reply>(*reply)
                                    : Result<body::Reply>(Error{unread != nullptr ? unread->code : ErrorCode::Internal,
                                                                "the answer of " + gateway + " could not be read" +
                                                                    (unread != nullptr ? ": " + unread->message : ""), false})};
  timers_.cancel(found->first);
  pending_.erase(found);
  return answer;
}

std::optional<AskPurpose> Asks::purpose_of(std::string_view id) const {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return std::nullopt;
  return found->second.purpose;
}

void Asks::forget(Ticket ticket) {
  std::erase_if(pending_, [&](const auto& entry) {
    const auto* caller = std::get_if<AskForCaller>(&entry.second.purpose);
    if (caller == nullptr || caller->ticket != ticket) return false;
    timers_.cancel(entry.first);
    return true;
  });
}

std::vector<AskAnswer> Asks::on_time() {
  std::vector<AskAnswer> answers;
  while (const auto id = timers_.pop_due(context_.now.instant)) {
    const auto found = pending_.find(*id);
    if (found == pending_.end()) continue;
    const auto& gateway = found->second.to.gateway;
    answers.push_back({gateway, found->second.purpose,
                       Error{ErrorCode::Timeout, gateway + " did not answer in time; `clawbridge peers list` shows whether it is there", true}});
    pending_.erase(found);
  }
  return answers;
}

}  // namespace clawbridge::core
