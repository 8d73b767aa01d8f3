// The `openclaw` kind of gateway: OpenClaw 2026.9 (protocol 4) and 2026.3 (protocol 3) over WebSocket.
//
// A turn is one request `agent` under the idempotency key the core chose, marked as another session's words, and is
// never sent twice. What its responses mean is in outcome.h; how a turn is found again after a lost connection, in
// history.h and recovery.h.
#pragma once

#include <memory>

#include "bridge/gateway/client.h"
#include "bridge/gateway/gateway.h"

namespace clawbridge::gateway {

using OpenClawSettings = ClientSettings;

class OpenClaw final : public Gateway {
 public:
  /// `io` must outlive this, and its coroutines: run it until it has no more work, or destroy it first.
  OpenClaw(asio::io_context& io, OpenClawSettings settings, core::EventSink sink);
  ~OpenClaw() override;

  void start() override;
  void carry_out(const core::action::ResolveSession& order) override;
  void carry_out(const core::action::StartRun& order) override;
  void carry_out(const core::action::AbortRun& order) override;
  void carry_out(const core::action::RecoverRun& order) override;
  void carry_out(const core::action::ReadSessions& order) override;
  void carry_out(const core::action::ForgetRun&) override {}  // nothing is kept for it
  void stop() override;

 private:
  class Adapter;
  std::shared_ptr<Adapter> adapter_;
};

}  // namespace clawbridge::gateway
