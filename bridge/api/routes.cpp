#include "bridge/api/routes.h"

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

/// The rest of `path` after `prefix`; nothing when it does not begin so or nothing follows.
std::optional<std::string_view> after(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix) || path.size() == prefix.size()) return std::nullopt;
  return path.substr(prefix.size());
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

bool is_operator(const Caller& caller) {
  return caller.agent == kBridgeAgent;
}

/// Whether the agent with this address began the exchange.
bool is_of(const core::ExchangeView& exchange, std::string_view address) {
  return exchange.outgoing && exchange.source == address;
}

Answer unknown_exchange(std::string_view id) {
  return error_answer({ErrorCode::UnknownExchange,
                       "no exchange " + std::string(id) +
                           " is known here; it was made elsewhere or is older than store.keep (`clawbridge exchange "
                           "list` shows the newest)",
                       false});
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

Outcome Routes::route(const Request& request, std::string_view path, std::string_view query, Done done) {
  constexpr std::string_view kTrust = "/trust";
  constexpr std::string_view kRevoke = "/revoke";
  const auto tool_name = after(path, "/v1/tools/");
  const auto peer_path = after(path, "/v1/peers/");
  const bool posts = tool_name || (peer_path && (peer_path->ends_with(kTrust) || peer_path->ends_with(kRevoke)));
  const std::string_view method = posts ? "POST" : "GET";
  const auto exchange_id = after(path, "/v1/exchanges/");
  const bool known = posts || exchange_id || path == "/v1/exchanges" || path == "/v1/agents" || path == "/v1/peers" ||
                     path == "/v1/status" || path == "/healthz" || path == "/readyz";
  if (!known) {
    return not_found("there is nothing at " + shown(path) +
                     "; there are POST /v1/tools/<tool>, GET /v1/exchanges, /v1/exchanges/<id>, /v1/agents, /v1/peers, "
                     "/v1/status, /healthz "
                     "and /readyz, and POST /v1/peers/<gateway>/trust and …/revoke");
  }
  const bool for_agents = tool_name || exchange_id || path == "/v1/exchanges" || path == "/v1/agents" ||
                          path == "/v1/status" || path == "/healthz" || path == "/readyz";
  if (!for_agents && !is_operator(request.caller)) {
    return error_answer({ErrorCode::Forbidden,
                         shown(path) + " is for the operator, not for the agent " + request.caller.agent +
                             "; ask on the socket without X-Claw-Agent, or with the token of _bridge",
                         false});
  }
  if (request.method != method) {
    return error_answer(405, {ErrorCode::BadRequest,
                              std::string(path) + " takes " + std::string(method) + ", not " +
                                  std::string(request.method.substr(0, 20)),
                              false});
  }
  if (tool_name) return tool(request, *tool_name, std::move(done));
  if (peer_path && posts && peer_path->ends_with(kRevoke))
    return revoke(request, peer_path->substr(0, peer_path->size() - kRevoke.size()), std::move(done));
  if (peer_path && posts)
    return trust(request, peer_path->substr(0, peer_path->size() - kTrust.size()), std::move(done));
  if (exchange_id) return exchange(request, *exchange_id, query, std::move(done));
  if (path == "/v1/exchanges") return exchanges(request, query);
  if (path == "/v1/agents") return ok(agents_json(service_.agents(), {}));
  if (path == "/v1/peers") return ok(peers_json(service_.peers()));
  if (path == "/v1/status") return ok(status_json(status()));
  if (path == "/readyz") return readiness();
  return ok(R"({"ok":true,"status":"live"})");
}

Outcome Routes::tool(const Request& request, std::string_view name, Done done) {
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
                       }));
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
  ask.op = Operation::AgentsList;
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
  ask.op = Operation::Ping;
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

Outcome Routes::exchange(const Request& request, std::string_view id, std::string_view query, Done done) {
  if (!is_ulid(id)) {
    return error_answer(
        {ErrorCode::BadRequest,
         shown(id) +
             " is no exchange id; ids are the 26 characters of `correlationId`, for example 01KANYZ2Q6S7C0J5X4M3T8W9B1",
         false});
  }
  const auto parameter = only_parameter(query, "wait");
  if (!parameter) return error_answer(parameter.error());
  if (!is_operator(request.caller)) {
    // Another's is answered as one that does not exist, so that ids cannot be tried.
    const auto view = service_.exchange(id);
    if (!view || !is_of(*view, address_of(request.caller))) return unknown_exchange(id);
  }
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
  return unknown_exchange(id);
}

Outcome Routes::exchanges(const Request& request, std::string_view query) {
  const auto parameter = only_parameter(query, "limit");
  if (!parameter) return error_answer(parameter.error());
  std::size_t limit = kListDefault;
  if (*parameter) {
    const std::string_view text = **parameter;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (failure != std::errc{} || end != text.data() + text.size() || limit < 1 || limit > kListMax) {
      return error_answer(
          {ErrorCode::BadRequest, "query parameter limit must be a whole number between 1 and 1000", false});
    }
  }
  if (is_operator(request.caller)) return ok(exchanges_json(service_.exchanges(limit)));
  auto own = service_.exchanges(kListMax);  // an agent sees those of its own that are among the newest
  const std::string address = address_of(request.caller);
  std::erase_if(own, [&](const auto& exchange) { return !is_of(exchange, address); });
  if (own.size() > limit) own.erase(own.begin() + static_cast<std::ptrdiff_t>(limit), own.end());
  return ok(exchanges_json(own));
}

Outcome Routes::trust(const Request& request, std::string_view gateway, Done done) {
  if (!is_gateway_name(gateway)) {
    return error_answer(
        {ErrorCode::BadRequest, shown(gateway) + " is no gateway name ([a-z0-9][a-z0-9_-]{0,62})", false});
  }
  auto trust = arguments_.trust(request.body, gateway);
  if (!trust) return error_answer(trust.error());
  return service_.trust(std::move(*trust),
                        later<core::TrustResult>(std::move(done), [](const core::TrustResult& result) {
                          return result ? ok(peer_json(*result)) : error_answer(result.error());
                        }));
}

Outcome Routes::revoke(const Request& request, std::string_view gateway, Done done) {
  if (!is_gateway_name(gateway)) {
    return error_answer(
        {ErrorCode::BadRequest, shown(gateway) + " is no gateway name ([a-z0-9][a-z0-9_-]{0,62})", false});
  }
  if (const auto error = arguments_.status(request.body)) return error_answer(*error);  // none are known
  return service_.revoke({.gateway = std::string(gateway)},
                         later<core::TrustResult>(std::move(done), [](const core::TrustResult& result) {
                           return result ? ok(peer_json(*result)) : error_answer(result.error());
                         }));
}

Outcome Routes::readiness() {
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
