// A virtual agent gateway with its adapter, at the level of the core's events and actions: what bridge/gateway reports of an
// OpenClaw 2026.9.6 (Recent), of a 2026.3.8 (Older), and of `echo`, with and without its record. It keeps the truth: which
// turn began, how often, in which order, and how it ended.
//
//   adapter (dies with the bridge) ──socket──▶ process (boots, crashes, drains) ──▶ disk (survives)
//
// What the adapter can find out of an earlier turn is judged by the real gateway::judge() from what the process and its disk
// would show in agent.wait and chat.history.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/gateway/boots.h"
#include "bridge/gateway/history.h"
#include "tests/sim/options.h"
#include "tests/sim/random.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/trace.h"

namespace clawbridge::sim {

/// Learns what gateways do, at the moment they do it.
class TurnObserver {
 public:
  virtual ~TurnObserver() = default;
  /// The agent begins to work on it; not when the gateway takes an interrupted turn up again by itself.
  virtual void turn_began(const std::string& gateway, const std::string& key, const std::string& session, const std::string& text) = 0;
  /// `status`: Ok with its text, NoReply, Error, or Cancelled when it was stopped.
  virtual void turn_finished(const std::string& key, ReplyStatus status, const std::string& text) = 0;
  /// Whatever the bridge has handed over and not heard the end of may have been cut off: a process died, or the connection.
  virtual void turns_disturbed(const std::string& gateway) = 0;
};

class Gateway {
 public:
  using Sink = std::function<void(core::Event)>;

  /// `clock`: the wall clock of its machine, which is the bridge's.
  Gateway(std::string name, GatewayKind kind, std::vector<std::string> agents, std::function<WallTime()> clock, const RunOptions& options,
          Scheduler& scheduler, Trace& trace, TurnObserver& observer, Dice dice);

  // ---- the adapter: lives and dies with the bridge's process ----
  void attach(Sink sink);
  void detach();
  void carry_out(const core::action::ResolveSession& order);
  void carry_out(const core::action::StartRun& order);
  void carry_out(const core::action::AbortRun& order);
  void carry_out(const core::action::RecoverRun& order);

  // ---- faults ----
  void crash(std::chrono::microseconds down);
  void terminate(std::chrono::microseconds down);
  void cut_socket(std::chrono::microseconds time);
  void fall_silent(std::chrono::microseconds time);
  /// Everything is up, answers and is quick from now on.
  void heal();

  [[nodiscard]] std::size_t running() const;

 private:
  struct Turn {
    std::string key;
    std::string session;
    std::string text;
    std::string source_channel;
    core::RunKey run;
    std::uint64_t caller = 0;      // connection that waits for the final response; 0: none
    bool begun = false;
    bool ended = false;
    bool again = false;            // taken up again by the gateway itself, under another run id
    bool cut_off = false;          // begun, and never ended
    ReplyStatus status = ReplyStatus::Ok;
    std::string reply;
    Instant ended_at{};
    WallTime row_time{};           // of its row in the history
    std::uint64_t boot = 0;        // that took it
  };
  using TurnRef = std::shared_ptr<Turn>;
  struct Session {
    std::deque<TurnRef> queue;     // memory
    TurnRef current;               // memory
    std::vector<TurnRef> rows;     // disk: in the order they began
    std::vector<TurnRef> pending;  // disk, Recent: taken and not begun
    bool exists = false;           // disk: a turn has begun in it
  };
  struct Search {                  // one RecoverRun under way
    core::action::RecoverRun order;
    Instant began{};
    bool told_started = false;
    std::uint64_t connection = 0;
  };

  [[nodiscard]] bool is_echo() const { return kind_ == GatewayKind::Echo || kind_ == GatewayKind::RecordingEcho; }
  /// From a handler of its own: no answer comes from inside the call that caused it.
  void report(core::Event event);
  // adapter
  void connect_soon(std::chrono::microseconds delay);
  void lose_socket(const std::string& why);
  [[nodiscard]] std::string boot_id() const;
  void look(const core::RunKey& run);
  [[nodiscard]] bool is_same_boot(const Search& search) const;
  [[nodiscard]] gateway::Turn history_of(const Search& search) const;
  [[nodiscard]] static body::Reply finished(body::Reply reply, const Search& search);
  // process
  void take(const core::action::StartRun& order, std::uint64_t connection);
  void boot();
  void stop_process();
  void begin_next(Session& session);
  void finish(const TurnRef& turn, std::uint64_t boot);
  void end_turn(const TurnRef& turn);
  [[nodiscard]] bool abort(const std::string& key);
  /// To the connection that waits for it, if it still does. `final`: no other response follows.
  void respond(const TurnRef& turn, core::Event event, bool final);
  [[nodiscard]] std::chrono::microseconds duration();
  [[nodiscard]] TurnRef known(const std::string& key) const;
  [[nodiscard]] body::Reply reply_of(const Turn& turn) const;
  void take_up_again(Session& session);
  void drained();
  // echo
  void echo_run(const core::action::StartRun& order);
  void echo_finish(const TurnRef& turn);
  void echo_abort(const core::action::AbortRun& order);
  void echo_recover(const core::action::RecoverRun& order);

  const std::string name_;
  const GatewayKind kind_;
  const std::vector<std::string> agents_;
  const std::function<WallTime()> clock_;
  const RunOptions& options_;
  Scheduler& scheduler_;
  Trace& trace_;
  TurnObserver& observer_;
  Dice dice_;
  bool healed_ = false;

  // adapter
  const std::chrono::microseconds hop_;  // over the socket: always the same, so that order is kept
  Sink sink_;
  std::uint64_t life_ = 0;         // of the adapter
  std::uint64_t connection_ = 1;   // number; counts up at every loss
  bool connected_ = false;
  bool cut_ = false;
  std::uint64_t cuts_ = 0;
  std::optional<gateway::Boots> boots_;  // the real one, as every process of the bridge begins with it
  gateway::Boot seen_boot_;              // of the process that it is connected to
  std::map<core::RunKey, std::string> awaited_;  // handed over on this connection, its end not heard of; key
  std::map<core::RunKey, Search> searches_;
  // process
  bool up_ = true;
  bool draining_ = false;
  bool silent_ = false;
  std::chrono::microseconds down_for_{};  // once it has drained
  std::uint64_t boot_ = 1;
  Instant booted_{};
  std::map<std::string, TurnRef> turns_;  // by key, of this boot
  // disk
  std::map<std::string, Session> sessions_;
  std::set<std::string> keys_;            // ever taken
  std::set<std::string> record_;          // echo: correlation ids and texts of its record file
};

}  // namespace clawbridge::sim
