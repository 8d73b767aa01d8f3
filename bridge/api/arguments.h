// The JSON that local callers send, read into the events of the core. Everything here is input: any byte may come.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/api/caller.h"
#include "bridge/core/cryptography.h"
#include "bridge/core/event.h"
#include "topics/result.h"

namespace clawbridge::api {

class ArgumentReader;

struct AgentsListArguments {
  std::string gateway;  // empty: everybody
  std::chrono::milliseconds wait{10'000};
};

struct PingArguments {
  std::string gateway;
  std::chrono::milliseconds wait{10'000};
};

struct ExchangeArguments {
  enum class Action { Show, Wait, Cancel };
  std::string id;
  Action action = Action::Show;
  std::chrono::milliseconds wait{30'000};
};

/// Reads the bodies of the tools. An unknown argument is an error that names the nearest known one; so are a wrong
/// type, an argument given twice, and bytes that are not UTF-8 (with their offset). All errors are BadRequest. Each
/// call takes the body by reference to give it the padding that the parser needs; its bytes stay as they are. The events'
/// tickets stay 0; who asks is always `caller`, whatever the body says. Keeps the parser's memory between calls; one
/// thread at a time.
class ArgumentParser {
 public:
  /// `crypto`, for the digests of attached files, must outlive it.
  explicit ArgumentParser(const core::Cryptography& crypto);
  ~ArgumentParser();

  /// `{"message","sessionKey","label","agentId","gateway","timeoutSeconds","expiresInSeconds","lateReply","progress",
  /// "attachments"}`; only `message` is needed.
  [[nodiscard]] Result<core::event::LocalSend> sessions_send(std::string& body, const Caller& caller);
  /// `{"task","label","agentId","gateway","model","thinking","runTimeoutSeconds","timeoutSeconds","expiresInSeconds",
  /// "lateReply","attachments"}`; only `task` is needed.
  [[nodiscard]] Result<core::event::LocalSpawn> sessions_spawn(std::string& body, const Caller& caller);
  /// `{"gateway","agentId","limit","offset","activeMinutes","messageLimit","kinds","label","search","timeoutSeconds"}`,
  /// or no body at all.
  [[nodiscard]] Result<core::event::LocalAsk> sessions_list(std::string& body, const Caller& caller);
  /// `{"gateway","agentId","sessionKey","limit","offset","includeTools","timeoutSeconds"}`; `sessionKey` is needed.
  [[nodiscard]] Result<core::event::LocalAsk> sessions_history(std::string& body, const Caller& caller);
  /// `{"gateway","agentId","sessionKey","timeoutSeconds"}`
  [[nodiscard]] Result<core::event::LocalAsk> session_status(std::string& body, const Caller& caller);
  /// `{"gateway","timeoutSeconds"}`, or no body at all.
  [[nodiscard]] Result<AgentsListArguments> agents_list(std::string& body);
  /// `{"correlationId","action","timeoutSeconds"}`; the id is needed, and is not looked at.
  [[nodiscard]] Result<ExchangeArguments> exchange(std::string& body);
  /// `{"gateway","timeoutSeconds"}`
  [[nodiscard]] Result<PingArguments> ping(std::string& body);
  /// `{}` or no body at all.
  [[nodiscard]] std::optional<Error> none(std::string& body);
  /// `{"timeoutSeconds"}`, 30 without it, or no body at all.
  [[nodiscard]] Result<std::chrono::milliseconds> wait(std::string& body);
  /// `{"fingerprint"}` for that gateway: 16 to 64 hex digits, upper or lower case, blanks and colons between them
  /// allowed.
  [[nodiscard]] Result<core::event::LocalTrust> trust(std::string& body, std::string_view gateway);

  /// Bytes that a body should have to spare behind its end, or it is copied once more.
  static const std::size_t kPadding;

 private:
  const core::Cryptography& crypto_;
  std::unique_ptr<ArgumentReader> reader_;
};

/// Seconds of a query such as `wait=12.5`, as milliseconds. Between 0 and 7 days.
[[nodiscard]] Result<std::chrono::milliseconds> parse_seconds(std::string_view name, std::string_view text);

}  // namespace clawbridge::api
