// Names on the wire: gateways, agents, and the address `gateway/agent` that joins them.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace clawbridge {

/// The pseudo agent that stands for the gateway as a whole: requests to it, acknowledgements, and a person's requests.
inline constexpr std::string_view kBridgeAgent = "_bridge";

/// True for `[a-z0-9][a-z0-9_-]{0,62}`.
[[nodiscard]] bool is_gateway_name(std::string_view text);

/// True for `[a-z0-9][a-z0-9_-]{0,63}`, which is what OpenClaw allows.
[[nodiscard]] bool is_agent_id(std::string_view text);

/// One end of an exchange: `imac/jarvis`, or `imac/_bridge`.
struct Address {
  std::string gateway;
  std::string agent;

  [[nodiscard]] std::string str() const { return gateway + "/" + agent; }
  [[nodiscard]] bool is_bridge() const { return agent == kBridgeAgent; }
  /// Parses `gateway/agent`; nothing unless both parts are valid names (or the agent is `_bridge`).
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  [[nodiscard]] static Address bridge_of(std::string_view gateway) {
    return {std::string(gateway), std::string(kBridgeAgent)};
  }

  friend auto operator<=>(const Address&, const Address&) = default;
};

}  // namespace clawbridge
