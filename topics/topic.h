// Topic names: building them and taking them apart. Nothing else in the project knows how a topic is spelled.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "topics/address.h"

namespace clawbridge {

namespace topic {
struct Inbox {
  Address to;
};
struct Reply {
  Address to;
};
struct State {
  std::string gateway;
};
struct Hello {};
}  // namespace topic

using Topic = std::variant<topic::Inbox, topic::Reply, topic::State, topic::Hello>;

/// True for a base that topics may begin with: 1 to 5 levels of `[A-Za-z0-9_.-]+`, none beginning with `$`, so that no
/// topic has more than seven slashes.
[[nodiscard]] bool is_topic_base(std::string_view text);

/// The topics of one federation. Immutable; any thread. REQUIRES: is_topic_base(base).
class Topics {
 public:
  explicit Topics(std::string base) : base_(std::move(base)) {}

  [[nodiscard]] std::string inbox(const Address& to) const;
  [[nodiscard]] std::string reply(const Address& to) const;
  [[nodiscard]] std::string state(std::string_view gateway) const;
  [[nodiscard]] std::string hello() const;

  /// Everything that one gateway alone may publish: `claw/imac/#`.
  [[nodiscard]] std::string gateway_filter(std::string_view gateway) const;
  /// The four filters that one bridge holds. With `+` for the gateway: the inboxes and replies of all.
  [[nodiscard]] std::string inbox_filter(std::string_view gateway) const;
  [[nodiscard]] std::string reply_filter(std::string_view gateway) const;
  [[nodiscard]] std::string state_filter() const;

  /// Nothing for a topic that is none of ours or whose names are not valid.
  [[nodiscard]] std::optional<Topic> parse(std::string_view text) const;
  [[nodiscard]] const std::string& base() const { return base_; }

 private:
  std::string base_;
};

}  // namespace clawbridge
