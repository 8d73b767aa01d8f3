// What a response of the gateway says about a turn, as it is: 2026.3.8 calls a provider failure and a timed-out run
// "ok", and that must not reach anybody as a reply.
#pragma once

#include <string>
#include <variant>

#include "bridge/gateway/frames.h"
#include "topics/message.h"

namespace clawbridge::gateway {

/// The gateway took the turn; another response follows.
struct Accepted {
  std::string run_id;
};
/// The gateway already runs this key: the outcome goes to whoever sent it first.
struct InFlight {
  std::string run_id;
};
struct Ended {
  body::Reply reply;  // without session_key
};
/// The turn certainly did not run and may be handed over again.
struct NotTaken {
  std::string reason;
};
/// The turn still runs or waits; or, where `known` is false, the gateway has never heard of it or has forgotten it.
struct StillOpen {
  bool known = true;
};

/// A response to method `agent`. `accepted`: the first response has come. Pure.
[[nodiscard]] std::variant<Accepted, InFlight, Ended, NotTaken> read_agent_response(const Response& response,
                                                                                    bool accepted);

/// The run ended well, but this answer does not tell the reply, or not all of it: the history may.
struct EndedUntold {
  std::string beginning;  // may be empty
};

/// A response to method `agent.wait`. Pure.
[[nodiscard]] std::variant<StillOpen, Ended, EndedUntold, NotTaken> read_wait_response(const Response& response);

[[nodiscard]] body::Reply make_reply(ReplyStatus status, std::string text = {});
/// A spawn's label is one that another session of the agent has: nothing ran.
[[nodiscard]] body::Reply label_taken_reply(const std::string& agent, const std::string& label);
/// Stopped after it had started.
[[nodiscard]] body::Reply cancelled_reply();
/// A reply of status Error (code gateway_error) or Interrupted (code gateway_down).
[[nodiscard]] body::Reply failed_reply(std::string message);
[[nodiscard]] body::Reply interrupted_reply(std::string message);

}  // namespace clawbridge::gateway
