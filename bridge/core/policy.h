// Who may ask what of whom: the rules of the settings, first match wins, then the contract's table of defaults; and how
// often.
//
// A rule speaks only of the operations it lists: for others the next rule is asked. What a rule says of sessions can
// only be judged when the session is known; a label is not one yet.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/core/action.h"
#include "bridge/core/context.h"

namespace clawbridge::core {

/// True when `rules` let the session be told.
[[nodiscard]] bool is_told(const std::vector<action::SessionRule>& rules, std::string_view agent,
                           std::string_view session);

/// True when `text` is what `glob` describes: `*` is any run of characters, everything else itself.
[[nodiscard]] bool matches_glob(std::string_view glob, std::string_view text);

struct Decision {
  enum class What { Allow, Deny, WhenSessionKnown };
  What what = What::Allow;
  const PolicyRule* rule = nullptr;  // that decided; nothing: the default
};

class Policy {
 public:
  explicit Policy(const Context& context) : context_(context) {}

  /// `agent`: the local agent, or `_bridge`. `session`: its full key; nothing while it is only named by a label.
  [[nodiscard]] Decision judge(const Address& source, Operation op, std::string_view agent,
                               const std::optional<std::string>& session) const;

  /// What judge() says of each session of the agent, for somebody who asks for a list of them.
  [[nodiscard]] std::vector<action::SessionRule> session_rules(const Address& source, Operation op,
                                                               const std::string& agent) const;

  /// Takes one request's share of the peer's rate and, when there is a target, of the pair's (which the rule may set).
  /// Nothing when both have room; otherwise how long to wait.
  [[nodiscard]] std::optional<std::chrono::milliseconds> spend(const Address& source, const Address* target,
                                                               const PolicyRule* rule);

 private:
  struct Bucket {
    double left = 0;
    Instant at{};
  };
  [[nodiscard]] std::optional<std::chrono::milliseconds> wait_of(Bucket& bucket, std::uint64_t per_minute) const;
  Bucket& bucket_of(std::string key, std::uint64_t per_minute);

  const Context& context_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace clawbridge::core
