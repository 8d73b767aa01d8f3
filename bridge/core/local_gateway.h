// The local agent gateway as far as the core knows it: whether it is there, and which of its agents others may see.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/core/context.h"
#include "bridge/core/event.h"

namespace clawbridge::core {

class LocalGateway {
 public:
  explicit LocalGateway(Context& context) : context_(context) {}

  void on_settings() { choose_exposed(); }
  void on_up(const event::GatewayUp& up);
  void on_down(const event::GatewayDown& down);
  void on_agents(std::vector<event::GatewayAgent> agents);

  [[nodiscard]] bool is_up() const { return up_; }
  /// As it was when it was last up.
  [[nodiscard]] const event::GatewayUp& info() const { return info_; }
  /// Why it is down.
  [[nodiscard]] const std::string& error() const { return error_; }
  /// Since when it is up, or is not. Zero before anything was heard of it.
  [[nodiscard]] WallTime since() const { return since_; }
  /// Agents that others may see.
  [[nodiscard]] const std::vector<body::AgentInfo>& exposed() const { return exposed_; }
  /// Whether `source` may address that agent at all: others the exposed ones, our own callers every one. Nothing when it may,
  /// or while the gateway was never there; otherwise what is answered.
  [[nodiscard]] std::optional<body::Reply> reject_agent(const Address& source, const std::string& agent) const;

 private:
  void choose_exposed();

  Context& context_;
  event::GatewayUp info_;
  std::vector<body::AgentInfo> exposed_;
  bool up_ = false;
  WallTime since_{};
  bool agents_known_ = false;
  std::string error_;
};

}  // namespace clawbridge::core
