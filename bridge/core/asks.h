// Questions that only read: ping, agents_list, status, and those about sessions. They are not journaled, may run twice, and are forgotten when
// their wait ends (wire contract, exchange rule 10). This is the asker's side.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bridge/core/context.h"
#include "bridge/core/peers.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

/// Who wants the answer of a question.
struct AskForCaller {
  Ticket ticket = 0;
};
struct AskForExchanges {};   // outbox: what became of our exchanges
/// Peers, link: is the owner of that state alive.
struct AskForIncarnation {
  std::uint64_t doubt = 0;  // PeerChange::doubt
};
struct AskForOurselves {};   // link: does what is sent to us arrive; we answer it ourselves
using AskPurpose = std::variant<AskForCaller, AskForExchanges, AskForIncarnation, AskForOurselves>;

/// The agents between whom a question goes.
struct AskBetween {
  std::string from{kBridgeAgent};
  std::string to{kBridgeAgent};
};

struct AskAnswer {
  std::string gateway;
  AskPurpose purpose;
  Result<body::Reply> reply;
};

class Asks {
 public:
  explicit Asks(Context& context) : context_(context) {}

  /// Sends a question to a pinned peer, from one bridge to the other unless said otherwise. False when too many are under way.
  /// `incarnation`: of the journal that is asked; empty when any may answer.
  bool ask(const Peer& peer, Operation op, std::string_view data, AskPurpose purpose, std::chrono::milliseconds wait,
           const std::string& incarnation = {}, const AskBetween& between = {});
  /// The answer to one of ours; nothing when it is not.
  [[nodiscard]] std::optional<AskAnswer> on_reply(const Message& message);
  /// What a question of ours is for; nothing when it is another bridge's.
  [[nodiscard]] std::optional<AskPurpose> purpose_of(std::string_view id) const;
  void forget(Ticket ticket);
  [[nodiscard]] std::size_t open() const { return pending_.size(); }
  /// Questions whose wait has ended.
  [[nodiscard]] std::vector<AskAnswer> on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const { return timers_.next(); }

 private:
  struct Pending {
    Address to;
    AskPurpose purpose;
  };

  Context& context_;
  std::map<std::string, Pending, std::less<>> pending_;
  Timers<std::string> timers_;
};

}  // namespace clawbridge::core
