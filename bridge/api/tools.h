// The tools that agents and people use: each a name, a JSON object of arguments, and a JSON object as its result. The same
// for everyone who calls them, over HTTP or MCP.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bridge/api/access.h"
#include "bridge/api/answer.h"
#include "bridge/api/arguments.h"
#include "bridge/api/caller.h"
#include "bridge/api/exchanges.h"
#include "bridge/core/service.h"

namespace clawbridge::api {

/// Is told the agent's text so far; empty: nobody asks for it.
using Progress = std::function<void(const std::string&)>;

/// One call of a tool. `arguments` may be given padding.
struct ToolCall {
  std::string_view name;  // with or without `claw_`
  std::string& arguments;
  const Caller& caller;
  Respond respond;        // called once, with an Answer, unless there is one at once
  Progress progress;
};

/// Used on the io thread. All references must outlive it.
class Tools {
 public:
  Tools(core::Service& service, Exchanges& exchanges, const Refusals& refusals, const core::Cryptography& crypto)
      : service_(service), exchanges_(exchanges), refusals_(refusals), arguments_(crypto) {}

  [[nodiscard]] Outcome call(ToolCall call);
  /// The daemon's, with the counts of those it has turned away.
  [[nodiscard]] core::StatusView status() const;

 private:
  struct Tool {
    std::string_view name;
    Outcome (Tools::*handler)(ToolCall call);
  };
  static const Tool kTools[];

  Outcome sessions_send(ToolCall call);
  Outcome sessions_spawn(ToolCall call);
  Outcome sessions_list(ToolCall call);
  Outcome sessions_history(ToolCall call);
  Outcome session_status(ToolCall call);
  Outcome agents_list(ToolCall call);
  Outcome exchange(ToolCall call);
  Outcome show_status(ToolCall call);
  Outcome ping(ToolCall call);

  Outcome ask_of_sessions(Result<core::event::LocalAsk> ask, Respond respond);
  [[nodiscard]] Pending pending(core::Ticket ticket);

  core::Service& service_;
  Exchanges& exchanges_;
  const Refusals& refusals_;
  ArgumentParser arguments_;
};

}  // namespace clawbridge::api
