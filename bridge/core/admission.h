// Whether an authentic request may become a turn, whoever carries it out: its form, its target, policy and the loop
// guard. Values in, value out: nothing when there is nothing against it, otherwise the reply that ends it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/core/answers.h"
#include "bridge/core/context.h"
#include "bridge/core/local_gateway.h"
#include "bridge/core/policy.h"

namespace clawbridge::core {

class Admission {
 public:
  Admission(Context& context, const LocalGateway& gateway, const Policy& policy)
      : context_(context), gateway_(gateway), policy_(policy) {}

  struct Readable {
    std::vector<std::string> agents;
    std::vector<action::SessionRule> rules;
  };

  /// Operation, content and policy. `rule`: the one that lets it in; nothing: the default.
  [[nodiscard]] std::optional<body::Reply> reject(const Message& message, const PolicyRule*& rule) const;
  /// The asker learns that it is forbidden, and whom to ask; which rule says so is for the operator here. `session`:
  /// nothing while it is only named by a label.
  [[nodiscard]] std::optional<body::Reply> reject_by_policy(const Address& source, Operation op,
                                                            const std::string& op_name, const Address& target,
                                                            const std::optional<std::string>& session,
                                                            const PolicyRule*& rule) const;
  /// What a question that passed reject() may look into: agents of ours, and their sessions.
  [[nodiscard]] Readable readable(const Message& message) const;
  /// A chain that comes back to a session which still waits in it would never end; one that goes on for ever costs
  /// money.
  [[nodiscard]] std::optional<body::Reply> reject_loop(const std::vector<std::string>& chain,
                                                       std::string_view session_key) const;

 private:
  // What a request is aimed at: an agent or the bridge, and which of the agent's sessions; nothing while only a label
  // names it.
  struct Aim {
    std::string agent;
    std::optional<std::string> session;
  };
  [[nodiscard]] std::variant<Aim, body::Reply> aim_of(const Message& message) const;
  [[nodiscard]] std::vector<std::string> agents_to_read(const Message& message) const;

  Context& context_;
  const LocalGateway& gateway_;
  const Policy& policy_;
};

}  // namespace clawbridge::core
