#include "bridge/api/exchanges.h"

#include "bridge/api/quoted.h"
#include "bridge/api/view_json.h"
#include "topics/ulid.h"

namespace clawbridge::api {
namespace {

/// Whether the agent with this address began the exchange.
bool is_of(const core::ExchangeView& exchange, std::string_view address) {
  return exchange.outgoing && exchange.source == address;
}

Error unknown_exchange(std::string_view id) {
  return {ErrorCode::UnknownExchange,
          "no exchange " + std::string(id) +
              " is known here; it was made elsewhere or is older than store.keep (`clawbridge exchange list` shows the newest)",
          false};
}

}  // namespace

Error no_exchange_id(std::string_view text) {
  return {ErrorCode::BadRequest,
          quoted(text) +
              " is no exchange id; ids are the 26 characters of `correlationId`, for example 01KANYZ2Q6S7C0J5X4M3T8W9B1",
          false};
}

Answer Exchanges::show(std::string_view id, const Caller& caller) const {
  if (const auto error = refuse(id, caller)) return error_answer(*error);
  const auto view = service_.exchange(id);
  return view ? Answer{200, exchange_json(*view), {}} : error_answer(unknown_exchange(id));
}

Outcome Exchanges::wait(std::string_view id, std::chrono::milliseconds wait, const Caller& caller, Respond respond) {
  if (const auto error = refuse(id, caller)) return error_answer(*error);
  core::event::LocalWait event;
  event.id = id;
  event.wait = wait;
  event.caller_agent = caller.agent;
  event.caller_session = caller.session;
  const auto ticket = service_.wait(
      std::move(event), later<core::SendResult>(std::move(respond), [](const core::SendResult& result) {
        return result ? Answer{200, exchange_json(*result), {}} : error_answer(result.error());
      }));
  return Pending{[this, ticket] { service_.cancel(ticket); }, {}};
}

Outcome Exchanges::stop(std::string_view id, std::chrono::milliseconds wait, const Caller& caller, Respond respond) {
  if (const auto error = refuse(id, caller)) return error_answer(*error);
  core::event::LocalCancel event;
  event.id = id;
  event.wait = wait;
  const auto ticket = service_.stop(
      std::move(event), later<core::CancelResult>(std::move(respond), [](const core::CancelResult& result) {
        return result ? Answer{200, cancel_json(*result), {}} : error_answer(result.error());
      }));
  return Pending{[this, ticket] { service_.cancel(ticket); }, {}};
}

Answer Exchanges::list(std::size_t limit, const Caller& caller) const {
  if (caller.is_person()) return {200, exchanges_json(service_.exchanges(limit)), {}};
  auto own = service_.exchanges(kListMax);
  const std::string address = address_of(caller);
  std::erase_if(own, [&](const auto& exchange) { return !is_of(exchange, address); });
  if (own.size() > limit) own.erase(own.begin() + static_cast<std::ptrdiff_t>(limit), own.end());
  return {200, exchanges_json(own), {}};
}

bool Exchanges::may_see(std::string_view id, const Caller& caller) const {
  if (caller.is_person()) return true;
  const auto view = service_.exchange(id);
  return view && is_of(*view, address_of(caller));
}

std::optional<Error> Exchanges::refuse(std::string_view id, const Caller& caller) const {
  if (!is_ulid(id)) return no_exchange_id(id);
  if (may_see(id, caller)) return std::nullopt;
  return unknown_exchange(id);
}

std::string Exchanges::address_of(const Caller& caller) const {
  return service_.status().gateway + "/" + caller.agent;
}

}  // namespace clawbridge::api
