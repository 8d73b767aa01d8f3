// The connection to the broker and what we say of ourselves there: epochs, the will, the four subscriptions, our retained
// state, the test whether the broker keeps retained messages, hellos, and whether another bridge bears our name.
//
//   down ──▶ connecting ──▶ subscribing ──▶ up
//    ▲  backoff with jitter       │           │
//    └────────────────────────────┴───────────┘  lost, refused
//
// Every connection has an epoch of its own, journaled before the attempt; a failed attempt uses up none. The will is made
// for its epoch and ends it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/core/asks.h"
#include "bridge/core/context.h"
#include "bridge/core/local_gateway.h"
#include "bridge/core/outbox.h"
#include "bridge/core/peers.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

class Link {
 public:
  Link(Context& context, const Peers& peers, const Outbox& outbox, Asks& asks, const LocalGateway& gateway, std::uint64_t last_epoch)
      : context_(context), peers_(peers), outbox_(outbox), asks_(asks), gateway_(gateway), last_epoch_(last_epoch) {}

  void start();
  void on_connected(const event::BrokerConnected& connected);
  void on_connect_failed(const event::BrokerConnectFailed& failed);
  void on_lost(const event::BrokerLost& lost);
  void on_subscribed(const event::BrokerSubscribed& subscribed);
  /// For our own tokens, which are even.
  void on_published(const event::BrokerPublished& published);

  /// A payload on our own state topic.
  void on_own_state(const std::variant<Message, DecodeFailure>& decoded, std::string_view payload, bool retained);
  void on_hello(const Message& message);
  /// Sends our state to a gateway that asked for it, or that does not know us: it lost what we published, and a broker that keeps
  /// no retained messages does not have it either.
  void introduce(const std::string& asker);
  /// The owner of a state with our name answered a ping.
  void on_own_pong(const body::Reply& reply);
  /// Nobody answered it.
  void on_own_silence();

  /// The ping that we sent to ourselves through the broker: whether it was answered.
  void on_own_ping(bool answered);

  /// Asks the broker once more for everyone's state: one of them must have been lost on the way. At most once in 10 s.
  void look_again();
  /// A peer's state says that it is offline, or a request waits for one that was never seen: it is looked at again now and then,
  /// should its next state be lost on the way.
  void on_peer_offline();

  /// A peer believes that we have another journal: it missed our state, or the broker keeps a wrong one, the late will of a journal
  /// that is lost, which was itself lost on its way to us. The peer cannot see which, so our state is published again.
  void on_asked_for_another_journal() { republish_soon(); }

  /// Tells the others when the gateway has come, gone or changed.
  void on_gateway_changed();
  void say_offline();
  [[nodiscard]] bool offline_said() const { return phase_ != Phase::Up || offline_acknowledged_; }
  void disconnect();

  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] bool up() const { return phase_ == Phase::Up; }
  [[nodiscard]] bool name_conflict() const { return name_conflict_; }
  /// The retained states have been delivered, or asked for by hello, long enough ago to call an unseen name unknown.
  [[nodiscard]] bool discovered() const { return discovered_; }
  [[nodiscard]] std::string_view broker_state() const;
  [[nodiscard]] const std::string& broker_error() const { return broker_error_; }
  /// Since when it is up, or is not, however often connecting was tried. Zero before the first attempt.
  [[nodiscard]] WallTime broker_since() const { return broker_since_; }
  [[nodiscard]] int protocol() const { return protocol_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

 private:
  enum class Phase { Down, Connecting, Subscribing, Up, Closed };
  enum class Timer { Connect, RetentionTest, Discovered, Republish, OwnPing, LookAgain, GiveUp, AskForOwnState };

  void connect();
  void fail(std::string reason, bool slowly);
  void subscribe();
  void publish_state(body::Presence presence);
  [[nodiscard]] body::State make_state(body::Presence presence, std::uint64_t revision) const;
  [[nodiscard]] std::string sign_state(const body::State& state) const;
  [[nodiscard]] body::Presence presence() const;
  void say_hello();
  void answer_hello(const std::string& asker);
  void republish_soon();
  void go_on_from(std::uint64_t epoch);
  void ping_ourselves();
  void delivery_failed(std::string reason);
  void delivery_works();

  Context& context_;
  const Peers& peers_;
  const Outbox& outbox_;
  Asks& asks_;
  const LocalGateway& gateway_;
  Phase phase_ = Phase::Down;
  std::uint64_t last_epoch_;            // of the latest connection that came about, or higher if our own state said so
  std::uint64_t epoch_ = 0;
  std::uint64_t other_epoch_ = 0;       // of a state with our name and another incarnation, whose owner is being asked for
  std::uint64_t revision_ = 0;
  WallTime since_{};
  body::Presence told_ = body::Presence::Offline;
  std::string state_;                   // payload published last
  std::string will_;
  int protocol_ = 5;
  std::chrono::microseconds backoff_{0};
  std::string broker_error_;
  WallTime broker_since_{};
  std::optional<Instant> looked_again_;
  std::chrono::microseconds look_again_pause_{0};
  std::chrono::microseconds own_state_pause_{0};
  std::chrono::microseconds connect_wait_{0};   // doubles while nobody answers: a slow broker gets its time
  bool not_delivering_ = false;         // broker_error_ says that what is sent to us, or our state, does not arrive
  bool own_state_seen_ = false;         // in this connection, retained or not
  bool own_state_came_back_ = false;    // retained, through the wildcard
  bool retention_tested_ = false;
  bool discovered_ = false;
  bool name_conflict_ = false;
  bool offline_acknowledged_ = false;
  std::uint64_t next_token_ = 2;
  std::uint64_t state_token_ = 0;
  Timers<Timer> timers_;
  Timers<std::string> hello_answers_;   // by asker
  std::map<std::string, Instant> hello_answered_;
};

}  // namespace clawbridge::core
