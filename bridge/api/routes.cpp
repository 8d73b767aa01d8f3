#include "bridge/api/routes.h"

#include <algorithm>
#include <charconv>
#include <exception>
#include <memory>
#include <optional>

#include "bridge/api/json_writer.h"
#include "bridge/api/quoted.h"
#include "bridge/api/view_json.h"
#include "topics/address.h"
#include "topics/ulid.h"

namespace clawbridge::api {
namespace {

constexpr std::size_t kListDefault = 50;

Answer ok(std::string body) {
  return {200, std::move(body), {}};
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

Error no_gateway_name(std::string_view text) {
  return {ErrorCode::BadRequest, quoted(text) + " is no gateway name ([a-z0-9][a-z0-9_-]{0,62})", false};
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
                   "unknown query parameter " + quoted(pair) + "; known here: " + std::string(name) + "=…", false};
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
  if (failure == std::errc{} && end == text.data() + text.size() && limit >= 1 && limit <= Exchanges::kListMax) return limit;
  return Error{ErrorCode::BadRequest, "query parameter limit must be a whole number between 1 and 1000", false};
}

Answer exchange_answer(const core::SendResult& result) {
  return result ? ok(exchange_json(*result)) : error_answer(result.error());
}

Answer peer_answer(const core::TrustResult& result) {
  return result ? ok(peer_json(*result)) : error_answer(result.error());
}

/// The last event of a tool's stream.
StreamEvent result_event(const Answer& answer) {
  return {answer.status < 300 ? "result" : "error", answer.body, true};
}

StreamEvent progress_event(const std::string& text) {
  JsonWriter json;
  json.begin_object();
  json.text("text", text);
  json.end_object();
  return {"progress", json.take(), false, true};
}

}  // namespace

Outcome Routes::handle(Request request, Respond respond) {
  try {
    const std::size_t mark = request.target.find('?');
    const std::string_view path = request.target.substr(0, mark);
    const std::string_view query =
        mark == std::string_view::npos ? std::string_view{} : request.target.substr(mark + 1);
    return route(request, path, query, std::move(respond));
  } catch (const std::exception& failure) {
    return error_answer(failure);
  }
}

// Every path there is. `*` stands for one name, which the handler is given; an agent may ask only for what says so.
const Routes::Route Routes::kRoutes[] = {
    {"POST", "/v1/tools/*", true, &Routes::tool},
    {"GET", "/v1/exchanges", true, &Routes::exchanges},
    {"GET", "/v1/exchanges/*", true, &Routes::exchange},
    {"POST", "/v1/exchanges/*/cancel", true, &Routes::stop},
    {"GET", "/v1/events", true, &Routes::events},
    {"POST", "/mcp", true, &Routes::mcp},
    {"GET", "/v1/dead", false, &Routes::dead},
    {"POST", "/v1/dead/*/replay", false, &Routes::replay},
    {"POST", "/v1/dead/*/drop", false, &Routes::drop},
    {"GET", "/v1/caller", true, &Routes::who},
    {"GET", "/v1/agents", true, &Routes::agents},
    {"GET", "/v1/peers", false, &Routes::peers},
    {"POST", "/v1/peers/*/trust", false, &Routes::trust},
    {"POST", "/v1/peers/*/revoke", false, &Routes::revoke},
    {"GET", "/v1/status", true, &Routes::show_status},
    {"POST", "/v1/reload", false, &Routes::reload},
    {"GET", "/metrics", true, &Routes::metrics},
    {"GET", "/healthz", true, &Routes::liveness},
    {"GET", "/readyz", true, &Routes::readiness},
};

Outcome Routes::route(const Request& request, std::string_view path, std::string_view query, Respond respond) {
  std::optional<std::string_view> name;
  const auto* found = std::find_if(std::begin(kRoutes), std::end(kRoutes), [&](const Route& route) {
    name = name_in(path, route.path);
    return name.has_value();
  });
  if (found == std::end(kRoutes)) {
    std::string known;
    for (const auto& route : kRoutes) known.append(known.empty() ? "" : ", ").append(route.method).append(" ").append(route.path);
    return error_answer(404, {ErrorCode::BadRequest, "there is nothing at " + quoted(path) + "; there are " + known, false});
  }
  if (request.caller.is_watcher() && found->method != "GET") {
    return error_answer({ErrorCode::Forbidden,
                         std::string(found->method) + " " + quoted(path) + " is not for _watch, which sees all and changes nothing; use the token of _bridge",
                         false});
  }
  if (!found->for_agents && !request.caller.is_person()) {
    return error_answer({ErrorCode::Forbidden,
                         quoted(path) + " is for the operator, not for the agent " + request.caller.agent +
                             "; ask on the socket without X-Claw-Agent, or with the token of _bridge",
                         false});
  }
  if (request.method != found->method) {
    auto refusal = error_answer(405, {ErrorCode::BadRequest,
                                      std::string(path) + " takes " + std::string(found->method) + ", not " +
                                          std::string(request.method.substr(0, 20)),
                                      false});
    refusal.headers = "Allow: " + std::string(found->method) + "\r\n";
    return refusal;
  }
  return (this->*found->handler)({request, *name, query}, std::move(respond));
}

// With `Accept: text/event-stream`: progress, then the result, as events.
Outcome Routes::tool(const Call& call, Respond respond) {
  const Request& request = call.request;
  if (!accepts_events(request.header)) {
    return tools_.call({call.name, request.body, request.caller, std::move(respond), {}});
  }
  const auto end = [respond](const Piece& piece) { respond(result_event(std::get<Answer>(piece))); };
  const auto progress = [respond](const std::string& text) { respond(progress_event(text)); };
  auto outcome = tools_.call({call.name, request.body, request.caller, end, progress});
  if (auto* later = std::get_if<Pending>(&outcome)) later->farewell = result_event;
  return outcome;
}

Outcome Routes::exchange(const Call& call, Respond respond) {
  const auto parameter = only_parameter(call.query, "wait");
  if (!parameter) return error_answer(parameter.error());
  if (!*parameter) return exchanges_.show(call.name, call.request.caller);
  const auto wait = parse_seconds("wait", **parameter);
  if (!wait) return error_answer(wait.error());
  return exchanges_.wait(call.name, *wait, call.request.caller, std::move(respond));
}

Outcome Routes::stop(const Call& call, Respond respond) {
  const auto wait = arguments_.wait(call.request.body);
  if (!wait) return error_answer(wait.error());
  return exchanges_.stop(call.name, *wait, call.request.caller, std::move(respond));
}

Outcome Routes::events(const Call& call, Respond respond) {
  return events_.watch(call.request.caller, std::move(respond));
}

Outcome Routes::mcp(const Call& call, Respond respond) {
  return mcp_.post(call.request.body, call.request.header, call.request.caller, std::move(respond));
}

Outcome Routes::dead(const Call& call, Respond) {
  const auto limit = limit_of(call.query);
  if (!limit) return error_answer(limit.error());
  return ok(exchanges_json(service_.dead(*limit)));
}

Outcome Routes::replay(const Call& call, Respond respond) {
  if (!is_ulid(call.name)) return error_answer(no_exchange_id(call.name));
  core::event::LocalReplay event;
  event.id = call.name;
  return pending(service_.replay(std::move(event), later<core::SendResult>(std::move(respond), exchange_answer)));
}

Outcome Routes::drop(const Call& call, Respond respond) {
  if (!is_ulid(call.name)) return error_answer(no_exchange_id(call.name));
  core::event::LocalDrop event;
  event.id = call.name;
  return pending(service_.drop(std::move(event), later<core::SendResult>(std::move(respond), exchange_answer)));
}

Outcome Routes::exchanges(const Call& call, Respond) {
  const auto limit = limit_of(call.query);
  if (!limit) return error_answer(limit.error());
  return exchanges_.list(*limit, call.request.caller);
}

Outcome Routes::trust(const Call& call, Respond respond) {
  const std::string_view gateway = call.name;
  if (!is_gateway_name(gateway)) return error_answer(no_gateway_name(gateway));
  auto trust = arguments_.trust(call.request.body, gateway);
  if (!trust) return error_answer(trust.error());
  return pending(service_.trust(std::move(*trust), later<core::TrustResult>(std::move(respond), peer_answer)));
}

Outcome Routes::revoke(const Call& call, Respond respond) {
  const std::string_view gateway = call.name;
  if (!is_gateway_name(gateway)) return error_answer(no_gateway_name(gateway));
  if (const auto error = arguments_.none(call.request.body)) return error_answer(*error);
  return pending(service_.revoke({.gateway = std::string(gateway)}, later<core::TrustResult>(std::move(respond), peer_answer)));
}

Outcome Routes::who(const Call& call, Respond) { return ok(caller_json(call.request.caller)); }
Outcome Routes::agents(const Call&, Respond) { return ok(agents_json(service_.agents(), {})); }
Outcome Routes::peers(const Call&, Respond) { return ok(peers_json(service_.peers())); }

// What is wrong may name others: an agent is told how the daemon is, and no more.
Outcome Routes::show_status(const Call& call, Respond) {
  if (!call.request.caller.is_person()) return ok(status_json(tools_.status()));
  return ok(operator_status_json(tools_.status(), host_.settings(), host_.troubles()));
}

Outcome Routes::reload(const Call& call, Respond respond) {
  if (const auto error = arguments_.none(call.request.body)) return error_answer(*error);
  const auto gone = std::make_shared<bool>(false);
  host_.reload([gone, answer = later<core::ReloadResult>(std::move(respond), [](const core::ReloadResult& result) {
                  return result ? ok(reload_json(*result)) : error_answer(result.error());
                })](const core::ReloadResult& result) {
    if (!*gone) answer(result);
  });
  return Pending{[gone] { *gone = true; }, {}};
}

// Names nobody, and no message: every caller may read it.
Outcome Routes::metrics(const Call&, Respond) {
  return Answer{200, host_.metrics(tools_.status()), {}, "text/plain; version=0.0.4; charset=utf-8"};
}

Outcome Routes::liveness(const Call&, Respond) { return ok(R"({"ok":true,"status":"live"})"); }

Outcome Routes::readiness(const Call&, Respond) {
  const core::StatusView view = tools_.status();
  const auto reasons = unready_reasons(view);
  return Answer{reasons.empty() ? 200U : 503U, readiness_json(view, reasons), {}};
}

Pending Routes::pending(core::Ticket ticket) {
  return {[this, ticket] { service_.cancel(ticket); }, {}};
}

}  // namespace clawbridge::api
