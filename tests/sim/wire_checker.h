// What one bridge publishes, held against its committed journal: nothing is said on the wire that a crash could unsay, and the
// wire carries no more than the contract allows (exchange rules 1, 3, 4, 5).
#pragma once

#include <map>
#include <set>
#include <string>

#include "bridge/core/action.h"
#include "tests/sim/exchange_checker.h"
#include "tests/sim/site.h"
#include "tests/sim/trace.h"

namespace clawbridge::sim {

class WireChecker {
 public:
  WireChecker(const Site& site, Trace& trace, ExchangeChecker& exchanges) : site_(site), trace_(trace), exchanges_(exchanges), topics_("claw") {}

  void published(const core::action::Publish& publish);
  /// The process is gone: what it had on the wire is asked anew.
  void restarted() { on_wire_.clear(); }

 private:
  void request(const Message& message, std::string_view payload);
  void receipt(const Message& message);
  void reply(const Message& message, std::string_view payload);
  void acknowledgement(const Message& message);
  void wrong(const std::string& why, const Message& message);

  const Site& site_;
  Trace& trace_;
  ExchangeChecker& exchanges_;
  Topics topics_;
  MessageDecoder decoder_;
  std::map<std::string, std::set<std::string>> on_wire_;  // by peer: requests of this life that may be without receipt
};

}  // namespace clawbridge::sim
