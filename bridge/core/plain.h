// Plain requests: an MQTT client that is no bridge sends text and gets text, where the settings allow it for an agent
// (wire contract, "Plain requests"). Nobody proves who it is, so it can do nothing but talk to the agent, in a session
// of its own that is named after where its answers go.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bridge/core/context.h"
#include "bridge/core/event.h"

namespace clawbridge::core {

/// Stands where a peer's gateway does. No gateway's name begins with `_`.
inline constexpr std::string_view kPlainGateway = "_plain";

struct PlainRequest {
  std::string text;
  std::string response_topic;
  std::string correlation_data;  // any bytes, echoed
};

/// True when a payload is not meant to be a message of the contract: its first byte other than a blank is not `{`.
[[nodiscard]] bool is_plain(std::string_view payload);

/// Whether a client may ask `agent` and be answered there. Nothing when it may; otherwise why not, for the log.
[[nodiscard]] std::optional<std::string> refuse_plain(const Options& options, std::string_view agent, const event::BrokerMessage& message);

[[nodiscard]] std::string plain_session(const Context& context, std::string_view agent, std::string_view response_topic);

/// As the journal keeps it.
[[nodiscard]] std::string plain_to_record(const PlainRequest& request);
[[nodiscard]] std::optional<PlainRequest> plain_from_record(std::string_view bytes);

/// What the client gets: the reply's text, or `error: ` and why there is none.
[[nodiscard]] std::string plain_answer(const body::Reply& reply);

/// An MQTT topic filter with its wildcards.
[[nodiscard]] bool matches_filter(std::string_view filter, std::string_view topic);

}  // namespace clawbridge::core
