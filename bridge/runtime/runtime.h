// One io thread that feeds events to the core and carries out its actions.
//
// A turn of the loop: every event that is waiting goes through the core; its store orders are applied as they come; then one
// commit; then everything else that was ordered is carried out. So a burst costs one transaction, and nothing leaves the
// bridge before what it rests on is durable. While many exchanges are open, a turn waits a moment for more events: a
// transaction and a wake-up cost more than an event.
//
// When the commit fails (a full disk), the turn's actions wait and it is tried again every second; no further event
// is taken meanwhile, and beyond the queue's limit the broker's messages are dropped and counted: their senders repeat them.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/service.h"
#include "bridge/runtime/asio.h"
#include "bridge/runtime/traffic.h"

namespace clawbridge::runtime {

/// Carries out what the core orders. Implemented by the composition root, which knows every adapter. Called on the io
/// thread only.
class Hands {
 public:
  virtual ~Hands() = default;
  virtual void apply(core::StoreOrder order) = 0;
  /// Nothing when all orders so far are durable; otherwise why not.
  [[nodiscard]] virtual std::optional<Error> commit() = 0;
  virtual void carry_out(core::action::ConnectBroker& action) = 0;
  virtual void carry_out(core::action::DisconnectBroker& action) = 0;
  virtual void carry_out(core::action::Subscribe& action) = 0;
  virtual void carry_out(core::action::Publish& action) = 0;
  virtual void carry_out(core::action::ResolveSession& action) = 0;
  virtual void carry_out(core::action::StartRun& action) = 0;
  virtual void carry_out(core::action::AbortRun& action) = 0;
  virtual void carry_out(core::action::RecoverRun& action) = 0;
  virtual void carry_out(core::action::ForgetRun& action) = 0;
  virtual void carry_out(core::action::ReadSessions& action) = 0;
  virtual void carry_out(core::action::Note& action) = 0;
  virtual void carry_out(core::action::Stopped& action) = 0;
};

class Runtime final : public core::Service {
 public:
  /// All references must outlive the runtime, and no event may be reported after its end.
  Runtime(asio::io_context& io, core::Core& core, Hands& hands);
  ~Runtime() override;

  /// Takes events from any thread. Valid as long as the runtime.
  [[nodiscard]] core::EventSink sink();
  /// Gives the core its first turn.
  void start();
  void shut_down();
  /// Those that may change while the core runs; its next turn takes them.
  void take_settings(std::shared_ptr<const core::Changeable> settings);

  /// How long commits took, those that failed not among them.
  [[nodiscard]] const core::Histogram& commits() const { return commits_; }

  core::Ticket send(core::event::LocalSend request, std::function<void(core::SendResult)> done,
                    std::function<void(const std::string&)> progress) override;
  core::Ticket spawn(core::event::LocalSpawn request, std::function<void(core::SendResult)> done,
                     std::function<void(const std::string&)> progress) override;
  core::Ticket wait(core::event::LocalWait request, std::function<void(core::SendResult)> done) override;
  core::Ticket stop(core::event::LocalCancel request, std::function<void(core::CancelResult)> done) override;
  core::Ticket replay(core::event::LocalReplay request, std::function<void(core::SendResult)> done) override;
  core::Ticket drop(core::event::LocalDrop request, std::function<void(core::SendResult)> done) override;
  core::Ticket ask(core::event::LocalAsk request, std::function<void(core::AskResult)> done) override;
  core::Ticket trust(core::event::LocalTrust request, std::function<void(core::TrustResult)> done) override;
  core::Ticket revoke(core::event::LocalRevoke request, std::function<void(core::TrustResult)> done) override;
  void cancel(core::Ticket ticket) override;
  std::uint64_t watch(std::function<void(const core::action::Note&)> see) override;
  void unwatch(std::uint64_t watcher) override;
  core::StatusView status() override;
  std::vector<core::PeerView> peers() override;
  std::vector<core::AgentView> agents() override;
  std::optional<core::ExchangeView> exchange(std::string_view id) override;
  std::vector<core::ExchangeView> exchanges(std::size_t limit) override;
  std::vector<core::ExchangeView> dead(std::size_t limit) override;

 private:
  using Callback = std::variant<std::function<void(core::SendResult)>, std::function<void(core::AskResult)>, std::function<void(core::TrustResult)>,
                                std::function<void(core::CancelResult)>>;

  void post(core::Event event);
  void schedule_turn();
  void turn();
  [[nodiscard]] bool take_posted();
  void commit_and_act();
  void act();
  void answer(core::action::Answer& answer);
  void tell_progress(core::action::Progress& progress);
  [[nodiscard]] core::Actions step(const Now& now, core::Event event);
  void show(core::action::Note note);
  void arm_timer();
  template <class Request, class Done>
  core::Ticket ask_core(Request request, Done done);

  asio::io_context& io_;
  core::Core& core_;
  Hands& hands_;
  asio::steady_timer deadline_;
  asio::steady_timer commit_retry_;
  asio::steady_timer gather_;
  std::optional<Instant> armed_;
  // Guards what Paho's threads reach.
  std::mutex mutex_;
  std::vector<core::Event> posted_;
  std::size_t messages_waiting_ = 0;           // broker messages among posted_ and events_
  std::size_t bytes_waiting_ = 0;              // of their payloads
  bool turn_pending_ = false;                  // a turn is scheduled: it will see what is posted
  std::deque<core::Event> events_;
  core::Actions pending_;                      // of this turn, waiting for the commit
  bool uncommitted_ = false;                   // an order has been applied since the latest commit
  bool commit_failing_ = false;
  std::uint64_t commits_failed_ = 0;
  core::Histogram commits_;
  Traffic traffic_;
  std::atomic<std::uint64_t> messages_dropped_{0};
  core::Ticket next_ticket_ = 1;
  std::map<core::Ticket, Callback> callbacks_;
  std::map<core::Ticket, std::function<void(const std::string&)>> progress_;  // of calls that are in callbacks_
  std::map<std::uint64_t, std::function<void(const core::action::Note&)>> watchers_;
  std::uint64_t next_watcher_ = 1;
};

}  // namespace clawbridge::runtime
