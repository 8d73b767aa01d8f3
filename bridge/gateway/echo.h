// The `echo` kind of gateway: answers `echo: <text>` by itself, without any agent. For demos, tests and benchmarks.
//
// Files come back as they were sent, but for those of a turn that is recovered after a restart: the record holds none.
//
// What a spawn asks of a model is not for it: model and thinking are ignored.
//
// A turn ends, in one step, by appending its line to the record and reporting the reply. So with a record file it is
// always known whether a turn ran: its line is there or it did not run.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bridge/gateway/gateway.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::gateway {

struct EchoSettings {
  std::vector<std::string> agents;
  std::chrono::milliseconds delay{0};  // of every turn; 0 answers in the same turn of the io loop, without a timer or progress
  // File that gets one JSON line per turn: {"correlationId","session","text","time"}. Empty: none.
  std::string record;
};

/// Knows one session per agent, `agent:<id>:main`, and those that were spawned since it started. Shows histories from its record.
/// Its boot id is random; it keeps no keys.
class Echo final : public Gateway {
 public:
  /// Throws std::runtime_error when the record cannot be opened. `io` must outlive this.
  Echo(asio::io_context& io, EchoSettings settings, core::EventSink sink);
  ~Echo() override;

  void start() override;
  void carry_out(const core::action::ResolveSession& order) override;
  void carry_out(const core::action::StartRun& order) override;
  void carry_out(const core::action::AbortRun& order) override;
  void carry_out(const core::action::RecoverRun& order) override;
  void carry_out(const core::action::ReadSessions& order) override;
  void carry_out(const core::action::ForgetRun&) override {}  // nothing is kept for it
  void stop() override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace clawbridge::gateway
