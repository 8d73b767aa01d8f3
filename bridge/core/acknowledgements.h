// Acknowledgements of replies: said in batches, and said again when one may have been lost on the way.
//
// A lost one costs its responder seven days of keeping an exchange, and nothing else. So none is journaled and none is waited for.
// Instead the newest are said again whenever a connection has ended that may have carried them: ours, the peer's, or our process.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "bridge/core/context.h"
#include "bridge/core/peers.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

class Acknowledgements {
 public:
  Acknowledgements(Context& context, const Peers& peers) : context_(context), peers_(peers) {}

  /// Once, in the first step: an earlier life may have ended before it said those of its newest exchanges.
  void start();
  /// A reply of `gateway` has come, for the first time or again.
  void owe(const std::string& gateway, const std::string& id);
  /// That peer was away, or the broker may have lost what it held for it.
  void say_again(const std::string& gateway);
  void on_link(bool up);
  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const { return timers_.next(); }

 private:
  struct Said {
    std::string gateway;
    std::string id;
    int times = 0;
  };
  using Due = std::map<std::string, int, std::less<>>;  // id -> how often it was said before

  void say(const std::string& gateway);

  Context& context_;
  const Peers& peers_;
  std::map<std::string, Due, std::less<>> due_;  // by gateway
  std::deque<Said> said_;                        // to other gateways, the newest last
  Timers<std::string> timers_;                   // by gateway
  bool link_up_ = false;
};

}  // namespace clawbridge::core
