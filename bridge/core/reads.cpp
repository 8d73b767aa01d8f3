#include "bridge/core/reads.h"

namespace clawbridge::core {
namespace {

constexpr std::size_t kEventBytes = 2'048;  // of a reply, around its listing; sealing makes the listing a third longer

}  // namespace

void Reads::take(const Message& request, Admission::Readable readable, std::uint64_t reply_bytes_max) {
  if (pending_.size() >= context_.options.limits.asks) {
    context_.count("read.busy");
    answers_.reply(request, failure(ReplyStatus::Rejected, ErrorCode::Busy,
                                    context_.me() + " is asked too many questions at once; ask again", true));
    return;
  }
  action::ReadSessions order{.read = next_++,
                             .agents = std::move(readable.agents),
                             .rules = std::move(readable.rules),
                             .what = {},
                             .bytes_max = 0};
  order.bytes_max = reply_bytes_max > 2 * kEventBytes ? (reply_bytes_max - kEventBytes) * 2 / 3 : kEventBytes;
  if (const auto* list = request.get<body::SessionsList>()) order.what = *list;
  if (const auto* history = request.get<body::SessionsHistory>()) order.what = *history;
  if (const auto* status = request.get<body::SessionStatus>()) order.what = *status;
  Message pending;
  pending.type = MessageType::Request;
  pending.id = request.id;
  pending.source = request.source;
  pending.subject = request.subject;
  pending.sealed = request.sealed;
  const auto left =
      std::chrono::duration_cast<std::chrono::microseconds>(*request.expiry + kClockSkew - context_.now.wall);
  timers_.schedule(order.read, context_.now.instant + left);
  pending_.emplace(order.read, std::move(pending));
  context_.count("read.asked");
  context_.actions.emplace_back(std::move(order));
}

void Reads::on_read(const event::SessionsRead& read) {
  const auto found = pending_.find(read.read);
  if (found == pending_.end()) return;
  timers_.cancel(read.read);
  if (read.listing) {
    body::Reply reply;
    reply.listing = *read.listing;
    answers_.reply(found->second, reply);
  } else {
    const auto& error = read.listing.error();
    answers_.reply(found->second, failure(ReplyStatus::Error, error.code, error.message, error.retryable));
  }
  pending_.erase(found);
}

void Reads::on_time() {
  while (const auto read = timers_.pop_due(context_.now.instant)) pending_.erase(*read);
}

}  // namespace clawbridge::core
