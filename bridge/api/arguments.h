// The JSON that local callers send, read into the events of the core. Everything here is input: any byte may come.
//
// Parsed with simdjson, because a message of a megabyte takes it half a millisecond and nlohmann's parser eight.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/core/event.h"
#include "topics/result.h"

namespace clawbridge::api {

/// Who calls: a local agent and its session, or a person (`_bridge`, the default).
struct Caller {
  std::string agent;
  std::string session;
};

/// From the headers X-Claw-Agent (or the owner of a token) and X-Claw-Session; empty: not given. BadRequest for what is
/// no agent id, and for a session that is none: too long, not UTF-8, with control characters, not `agent:<agent>:…`, or
/// a person's. Forbidden for a session of another agent.
[[nodiscard]] Result<Caller> parse_caller(std::string_view agent, std::string_view session);

struct AgentsListArguments {
  std::string gateway;  // empty: what this bridge knows of everybody
  std::chrono::milliseconds wait{10'000};
};

struct PingArguments {
  std::string gateway;
  std::chrono::milliseconds wait{10'000};
};

/// Reads the bodies of the tools. An unknown argument is an error that names the nearest known one; so are a wrong
/// type, an argument given twice, and bytes that are not UTF-8 (with their offset). All errors are BadRequest. Each
/// call takes the body by reference to give it the padding that the parser needs; its bytes stay as they are. Keeps the
/// parser's memory between calls; one thread at a time.
class ArgumentParser {
 public:
  ArgumentParser();
  ~ArgumentParser();

  /// `{"message","sessionKey","label","agentId","gateway","timeoutSeconds","expiresInSeconds"}`; only `message` is
  /// needed. The event's ticket stays 0.
  [[nodiscard]] Result<core::event::LocalSend> sessions_send(std::string& body, const Caller& caller);
  /// `{"gateway","timeoutSeconds"}`, or no body at all.
  [[nodiscard]] Result<AgentsListArguments> agents_list(std::string& body);
  /// `{"gateway","timeoutSeconds"}`
  [[nodiscard]] Result<PingArguments> ping(std::string& body);
  /// `{}` or no body at all.
  [[nodiscard]] std::optional<Error> status(std::string& body);
  /// `{"timeoutSeconds"}`, 30 without it, or no body at all.
  [[nodiscard]] Result<std::chrono::milliseconds> wait(std::string& body);
  /// `{"fingerprint"}` for that gateway: 16 to 64 hex digits, upper or lower case, blanks and colons between them
  /// allowed.
  [[nodiscard]] Result<core::event::LocalTrust> trust(std::string& body, std::string_view gateway);

  /// Bytes that a body should have to spare behind its end, or it is copied once more.
  static const std::size_t kPadding;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// Seconds of a query such as `wait=12.5`, as milliseconds. Between 0 and 7 days.
[[nodiscard]] Result<std::chrono::milliseconds> parse_seconds(std::string_view name, std::string_view text);

}  // namespace clawbridge::api
