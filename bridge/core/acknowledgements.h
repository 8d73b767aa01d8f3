// Acknowledgements of replies: said in batches, and said again when one may have been lost on the way.
//
// A lost one costs its responder seven days of keeping an exchange, and nothing else. So none is journaled and none is waited for.
// Instead the newest are said again whenever a connection has ended that may have carried them: ours, the peer's, or our process.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bridge/core/context.h"
#include "bridge/core/peers.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

class Acknowledgements {
 public:
  Acknowledgements(Context& context, const Peers& peers) : context_(context), peers_(peers) {}

  /// `answered`: the newest exchanges that have a reply, by gateway and id. An earlier life may have ended before it said theirs.
  void restore(std::vector<std::pair<std::string, std::string>> answered) { answered_ = std::move(answered); }
  /// Once, in the first step.
  void start();
  /// A reply of `gateway` has come, for the first time or again.
  void owe(const std::string& gateway, const std::string& id);
  /// That peer was away, or the broker may have lost what it held for it.
  void say_again(const std::string& gateway);
  void on_link(bool up);
  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const { return timers_.next(); }

 private:
  using Ids = std::map<std::string, int>;  // exchange -> how often it was said
  struct Gateway {
    Ids due;
    Ids said;  // and may have to be said again
  };

  void say(const std::string& gateway);

  Context& context_;
  const Peers& peers_;
  std::vector<std::pair<std::string, std::string>> answered_;  // of an earlier life
  std::map<std::string, Gateway, std::less<>> gateways_;
  Timers<std::string> timers_;  // by gateway
  bool link_up_ = false;
};

}  // namespace clawbridge::core
