// What the daemon offers to its local callers. The runtime implements it; the API calls it on the io thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/core/event.h"
#include "bridge/core/views.h"

namespace clawbridge::core {

class Service {
 public:
  virtual ~Service() = default;

  /// Each callback is called exactly once, later, on the io thread, unless cancel() comes first. The event's ticket is
  /// filled in here and returned.
  /// `progress`: called with the text so far, before `done`, when the request asks for it; may be empty.
  virtual Ticket send(event::LocalSend request, std::function<void(SendResult)> done, std::function<void(const std::string&)> progress) = 0;
  virtual Ticket spawn(event::LocalSpawn request, std::function<void(SendResult)> done, std::function<void(const std::string&)> progress) = 0;
  virtual Ticket wait(event::LocalWait request, std::function<void(SendResult)> done) = 0;
  virtual Ticket stop(event::LocalCancel request, std::function<void(CancelResult)> done) = 0;
  virtual Ticket replay(event::LocalReplay request, std::function<void(SendResult)> done) = 0;
  virtual Ticket drop(event::LocalDrop request, std::function<void(SendResult)> done) = 0;
  virtual Ticket ask(event::LocalAsk request, std::function<void(AskResult)> done) = 0;
  virtual Ticket trust(event::LocalTrust request, std::function<void(TrustResult)> done) = 0;
  virtual Ticket revoke(event::LocalRevoke request, std::function<void(TrustResult)> done) = 0;
  /// The caller has gone: its callback will not be called.
  virtual void cancel(Ticket ticket) = 0;

  /// Everything that happens from now on, until unwatch(): notes with a field `cid` (no texts), `exchange.progress` with the
  /// field `text`, and each message over the broker (runtime/traffic.h); each with the field `time`. Called on the io thread.
  virtual std::uint64_t watch(std::function<void(const action::Note&)> see) = 0;
  virtual void unwatch(std::uint64_t watcher) = 0;

  [[nodiscard]] virtual StatusView status() = 0;
  [[nodiscard]] virtual std::vector<PeerView> peers() = 0;
  [[nodiscard]] virtual std::vector<AgentView> agents() = 0;
  /// With message and reply texts. Outgoing first when an id is both (a local run).
  [[nodiscard]] virtual std::optional<ExchangeView> exchange(std::string_view id) = 0;
  /// Newest first, without texts.
  [[nodiscard]] virtual std::vector<ExchangeView> exchanges(std::size_t limit) = 0;
  /// Dead letters, newest first, without texts.
  [[nodiscard]] virtual std::vector<ExchangeView> dead(std::size_t limit) = 0;
};

}  // namespace clawbridge::core
