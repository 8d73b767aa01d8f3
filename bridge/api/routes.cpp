#include "bridge/api/routes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>
#include <optional>

#include "bridge/api/nearest.h"
#include "bridge/api/view_json.h"
#include "topics/address.h"
#include "topics/ulid.h"

namespace clawbridge::api {
namespace {

constexpr std::size_t kListDefault = 50;
constexpr std::size_t kListMax = 1000;
constexpr std::array<std::string_view, 4> kTools{"sessions_send", "agents_list", "status", "ping"};

Answer ok(std::string body) {
  return {200, std::move(body)};
}

Answer not_found(std::string message) {
  return error_answer(404, {ErrorCode::BadRequest, std::move(message), false});
}

std::string shown(std::string_view text) {
  return "\"" + std::string(text.substr(0, 100)) + "\"";
}

/// What stands in `path` where `pattern` has its `*`, empty where it has none; nothing when they do not match.
std::optional<std::string_view> name_in(std::string_view path, std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return path == pattern ? std::optional(std::string_view{}) : std::nullopt;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  const std::string_view name = path.substr(before.size(), path.size() - before.size() - after.size());
  return name.find('/') == std::string_view::npos ? std::optional(name) : std::nullopt;
}

Error no_exchange_id(std::string_view text) {
  return {ErrorCode::BadRequest,
          shown(text) +
              " is no exchange id; ids are the 26 characters of `correlationId`, for example 01KANYZ2Q6S7C0J5X4M3T8W9B1",
          false};
}

Error no_gateway_name(std::string_view text) {
  return {ErrorCode::BadRequest, shown(text) + " is no gateway name ([a-z0-9][a-z0-9_-]{0,62})", false};
}

/// The value of the one query parameter that a path knows; an error for any other.
Result<std::optional<std::string_view>> only_parameter(std::string_view query, std::string_view name) {
  std::optional<std::string_view> value;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name || equals == std::string_view::npos) {
      return Error{ErrorCode::BadRequest,
                   "unknown query parameter " + shown(pair) + "; known here: " + std::string(name) + "=…", false};
    }
    value = pair.substr(equals + 1);
  }
  return value;
}

/// The query parameter `limit`.
Result<std::size_t> limit_of(std::string_view query) {
  const auto parameter = only_parameter(query, "limit");
  if (!parameter) return parameter.error();
  std::size_t limit = kListDefault;
  if (!*parameter) return limit;
  const std::string_view text = **parameter;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (failure == std::errc{} && end == text.data() + text.size() && limit >= 1 && limit <= kListMax) return limit;
  return Error{ErrorCode::BadRequest, "query parameter limit must be a whole number between 1 and 1000", false};
}

bool is_operator(const Caller& caller) {
  return caller.agent == kBridgeAgent;
}

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

Answer failed(const std::exception& failure) {
  return error_answer({ErrorCode::Internal, "cannot carry out the request: " + std::string(failure.what()), true});
}

/// A callback for the service that lets nothing escape into it.
template <class R, class Render>
std::function<void(R)> later(std::function<void(Answer)> done, Render render) {
  return [done = std::move(done), render = std::move(render)](const R& result) {
    Answer answer;
    try {
      answer = render(result);
    } catch (const std::exception& failure) {
      answer = failed(failure);
    }
    done(std::move(answer));
  };
}

/// A peer's answer to a question, or the error that stands in its place.
std::optional<Error> failure_of(const core::AskResult& result, std::string_view gateway) {
  if (!result) return result.error();
  if (result->error) return result->error;
  if (result->status == ReplyStatus::Ok) return std::nullopt;
  return Error{ErrorCode::GatewayError,
               std::string(gateway) + " answered " + std::string(to_string(result->status)) + " without a reason",
               true};
}

}  // namespace

Outcome Routes::handle(Request request, std::function<void(Answer)> done) {
  try {
    const std::size_t mark = request.target.find('?');
    const std::string_view path = request.target.substr(0, mark);
    const std::string_view query =
        mark == std::string_view::npos ? std::string_view{} : request.target.substr(mark + 1);
    return route(request, path, query, std::move(done));
  } catch (const std::exception& failure) {
    return failed(failure);
  }
}

// Every path there is. `*` stands for one name, which the handler is given; an agent may ask only for what says so.
const Routes::Route Routes::kRoutes[] = {
    {"POST", "/v1/tools/*", true, &Routes::tool},
    {"GET", "/v1/exchanges", true, &Routes::exchanges},
    {"GET", "/v1/exchanges/*", true, &Routes::exchange},
    {"POST", "/v1/exchanges/*/cancel", true, &Routes::stop},
    {"GET", "/v1/dead", false, &Routes::dead},
    {"POST", "/v1/dead/*/replay", false, &Routes::replay},
    {"POST", "/v1/dead/*/drop", false, &Routes::drop},
    {"GET", "/v1/agents", true, &Routes::agents},
    {"GET", "/v1/peers", false, &Routes::peers},
    {"POST", "/v1/peers/*/trust", false, &Routes::trust},
    {"POST", "/v1/peers/*/revoke", false, &Routes::revoke},
    {"GET", "/v1/status", true, &Routes::show_status},
    {"GET", "/healthz", true, &Routes::liveness},
    {"GET", "/readyz", true, &Routes::readiness},
};

Outcome Routes::route(const Request& request, std::string_view path, std::string_view query, Done done) {
  std::optional<std::string_view> name;
  const auto* found = std::find_if(std::begin(kRoutes), std::end(kRoutes), [&](const Route& route) {
    name = name_in(path, route.path);
    return name.has_value();
  });
  if (found == std::end(kRoutes)) {
    std::string known;
    for (const auto& route : kRoutes) known.append(known.empty() ? "" : ", ").append(route.method).append(" ").append(route.path);
    return not_found("there is nothing at " + shown(path) + "; there are " + known);
  }
  if (!found->for_agents && !is_operator(request.caller)) {
    return error_answer({ErrorCode::Forbidden,
                         shown(path) + " is for the operator, not for the agent " + request.caller.agent +
                             "; ask on the socket without X-Claw-Agent, or with the token of _bridge",
                         false});
  }
  if (request.method != found->method) {
    return error_answer(405, {ErrorCode::BadRequest,
                              std::string(path) + " takes " + std::string(found->method) + ", not " +
                                  std::string(request.method.substr(0, 20)),
                              false});
  }
  return (this->*found->handler)({request, *name, query}, std::move(done));
}

Outcome Routes::tool(const Call& call, Done done) {
  const Request& request = call.request;
  std::string_view name = call.name;
  constexpr std::string_view kPrefix = "claw_";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  if (name == "sessions_send") return sessions_send(request, request.caller, std::move(done));
  if (name == "agents_list") return agents_list(request, request.caller, std::move(done));
  if (name == "ping") return ping(request, std::move(done));
  if (name == "status") {
    if (const auto error = arguments_.status(request.body)) return error_answer(*error);
    return ok(status_json(status()));
  }
  const std::string_view guess = nearest(name, kTools);
  return not_found("unknown tool " + shown(name) +
                   (guess.empty() ? "" : ": did you mean \"" + std::string(guess) + "\"?") +
                   " (known: sessions_send, agents_list, status, ping)");
}

Outcome Routes::sessions_send(const Request& request, const Caller& caller, Done done) {
  auto send = arguments_.sessions_send(request.body, caller);
  if (!send) return error_answer(send.error());
  return service_.send(std::move(*send), later<core::SendResult>(std::move(done), [](const core::SendResult& result) {
                         return result ? ok(send_json(*result)) : error_answer(result.error());
                       }), {});
}

Outcome Routes::agents_list(const Request& request, const Caller& caller, Done done) {
  auto arguments = arguments_.agents_list(request.body);
  if (!arguments) return error_answer(arguments.error());
  const std::string_view requester = caller.agent == kBridgeAgent ? std::string_view{} : std::string_view(caller.agent);
  const std::string own = service_.status().gateway;
  if (arguments->gateway.empty() || arguments->gateway == own) {
    auto agents = service_.agents();
    if (!arguments->gateway.empty()) std::erase_if(agents, [&](const auto& agent) { return agent.gateway != own; });
    return ok(agents_json(agents, requester));
  }
  core::event::LocalAsk ask;
  ask.what = body::AgentsList{};
  ask.gateway = arguments->gateway;
  ask.wait = arguments->wait;
  return service_.ask(
      std::move(ask),
      later<core::AskResult>(std::move(done), [gateway = arguments->gateway,
                                               asker = std::string(requester)](const core::AskResult& result) {
        if (const auto error = failure_of(result, gateway)) return error_answer(*error);
        return ok(peer_agents_json(gateway, result->agents.value_or(std::vector<body::AgentInfo>{}), asker));
      }));
}

Outcome Routes::ping(const Request& request, Done done) {
  auto arguments = arguments_.ping(request.body);
  if (!arguments) return error_answer(arguments.error());
  core::event::LocalAsk ask;
  ask.what = body::Ping{};
  ask.gateway = arguments->gateway;
  ask.wait = arguments->wait;
  const auto begin = std::chrono::steady_clock::now();
  return service_.ask(
      std::move(ask),
      later<core::AskResult>(std::move(done), [gateway = arguments->gateway, begin](const core::AskResult& result) {
        if (const auto error = failure_of(result, gateway)) return error_answer(*error);
        const auto took =
            std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
        return ok(ping_json(gateway, result->pong.value_or(body::Pong{}), static_cast<std::uint64_t>(took.count())));
      }));
}

// What `call` names, if the caller may know of it: another's is answered as one that does not exist, so that ids cannot be tried.
std::optional<Error> Routes::refuse_exchange(const Call& call) const {
  if (!is_ulid(call.name)) return no_exchange_id(call.name);
  if (is_operator(call.request.caller)) return std::nullopt;
  const auto view = service_.exchange(call.name);
  if (view && is_of(*view, address_of(call.request.caller))) return std::nullopt;
  return unknown_exchange(call.name);
}

Outcome Routes::exchange(const Call& call, Done done) {
  const std::string_view id = call.name;
  const auto parameter = only_parameter(call.query, "wait");
  if (!parameter) return error_answer(parameter.error());
  if (const auto error = refuse_exchange(call)) return error_answer(*error);
  if (*parameter) {
    const auto wait = parse_seconds("wait", **parameter);
    if (!wait) return error_answer(wait.error());
    core::event::LocalWait event;
    event.id = id;
    event.wait = *wait;
    return service_.wait(std::move(event), later<core::SendResult>(std::move(done), [](const core::SendResult& result) {
                           return result ? ok(exchange_json(*result)) : error_answer(result.error());
                         }));
  }
  const auto view = service_.exchange(id);
  if (view) return ok(exchange_json(*view));
  return error_answer(unknown_exchange(id));
}

Outcome Routes::stop(const Call& call, Done done) {
  if (const auto error = refuse_exchange(call)) return error_answer(*error);
  const auto wait = arguments_.wait(call.request.body);
  if (!wait) return error_answer(wait.error());
  core::event::LocalCancel event;
  event.id = call.name;
  event.wait = *wait;
  return service_.stop(std::move(event), later<core::CancelResult>(std::move(done), [](const core::CancelResult& result) {
                         return result ? ok(cancel_json(*result)) : error_answer(result.error());
                       }));
}

Outcome Routes::dead(const Call& call, Done) {
  const auto limit = limit_of(call.query);
  if (!limit) return error_answer(limit.error());
  return ok(exchanges_json(service_.dead(*limit)));
}

Outcome Routes::replay(const Call& call, Done done) {
  if (!is_ulid(call.name)) return error_answer(no_exchange_id(call.name));
  core::event::LocalReplay event;
  event.id = call.name;
  return service_.replay(std::move(event), later<core::SendResult>(std::move(done), [](const core::SendResult& result) {
                           return result ? ok(exchange_json(*result)) : error_answer(result.error());
                         }));
}

Outcome Routes::drop(const Call& call, Done done) {
  if (!is_ulid(call.name)) return error_answer(no_exchange_id(call.name));
  core::event::LocalDrop event;
  event.id = call.name;
  return service_.drop(std::move(event), later<core::SendResult>(std::move(done), [](const core::SendResult& result) {
                         return result ? ok(exchange_json(*result)) : error_answer(result.error());
                       }));
}

Outcome Routes::exchanges(const Call& call, Done) {
  const auto wanted = limit_of(call.query);
  if (!wanted) return error_answer(wanted.error());
  const std::size_t limit = *wanted;
  const Request& request = call.request;
  if (is_operator(request.caller)) return ok(exchanges_json(service_.exchanges(limit)));
  auto own = service_.exchanges(kListMax);  // an agent sees those of its own that are among the newest
  const std::string address = address_of(request.caller);
  std::erase_if(own, [&](const auto& exchange) { return !is_of(exchange, address); });
  if (own.size() > limit) own.erase(own.begin() + static_cast<std::ptrdiff_t>(limit), own.end());
  return ok(exchanges_json(own));
}

Outcome Routes::trust(const Call& call, Done done) {
  const std::string_view gateway = call.name;
  if (!is_gateway_name(gateway)) return error_answer(no_gateway_name(gateway));
  auto trust = arguments_.trust(call.request.body, gateway);
  if (!trust) return error_answer(trust.error());
  return service_.trust(std::move(*trust),
                        later<core::TrustResult>(std::move(done), [](const core::TrustResult& result) {
                          return result ? ok(peer_json(*result)) : error_answer(result.error());
                        }));
}

Outcome Routes::revoke(const Call& call, Done done) {
  const std::string_view gateway = call.name;
  if (!is_gateway_name(gateway)) return error_answer(no_gateway_name(gateway));
  if (const auto error = arguments_.status(call.request.body)) return error_answer(*error);  // none are known
  return service_.revoke({.gateway = std::string(gateway)},
                         later<core::TrustResult>(std::move(done), [](const core::TrustResult& result) {
                           return result ? ok(peer_json(*result)) : error_answer(result.error());
                         }));
}

Outcome Routes::agents(const Call&, Done) { return ok(agents_json(service_.agents(), {})); }
Outcome Routes::peers(const Call&, Done) { return ok(peers_json(service_.peers())); }
Outcome Routes::show_status(const Call&, Done) { return ok(status_json(status())); }
Outcome Routes::liveness(const Call&, Done) { return ok(R"({"ok":true,"status":"live"})"); }

Outcome Routes::readiness(const Call&, Done) {
  const core::StatusView view = status();
  const auto reasons = unready_reasons(view);
  return Answer{reasons.empty() ? 200U : 503U, readiness_json(view, reasons)};
}

core::StatusView Routes::status() const {
  core::StatusView view = service_.status();
  for (const auto& [name, count] : refusals_.counts()) view.counters[std::string(name)] = count;
  return view;
}

std::string Routes::address_of(const Caller& caller) const {
  return service_.status().gateway + "/" + caller.agent;
}

}  // namespace clawbridge::api
