// The bridge as a pure state machine: events in, actions out.
//
// No clock, no thread, no socket, no file: time, randomness, cryptography and the journal are arguments. It never
// throws for input and never blocks. One thread at a time.
//
// Behaviours, each a file: peers (who is there and how far trusted), link (the broker connection and our own state),
// router (what was typed to an address), outbox (exchanges asked here), inbox (requests that arrive) and turns (what becomes of
// those that are taken), asks (questions that only read). This file takes a message through the contract's checks and hands it to one of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/core/asks.h"
#include "bridge/core/context.h"
#include "bridge/core/inbox.h"
#include "bridge/core/link.h"
#include "bridge/core/local_gateway.h"
#include "bridge/core/outbox.h"
#include "bridge/core/peers.h"
#include "bridge/core/router.h"

namespace clawbridge::core {

class Core {
 public:
  /// `restored`: what the journal held. The references must outlive the core.
  Core(Options options, Snapshot restored, JournalReader& journal, const Cryptography& crypto, Random& random);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// Takes one fact and says what is to be done about it; see action.h for the order in which.
  [[nodiscard]] Actions step(Now now, Event event);
  /// When step() wants an event::Tick at the latest.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  /// Exchanges that have not ended, asked and answered here together.
  [[nodiscard]] std::size_t open() const { return outbox_.open() + inbox_.turns().open(); }
  [[nodiscard]] StatusView status() const;
  [[nodiscard]] const Topics& topics() const { return context_.topics; }
  [[nodiscard]] const Tally& tally() const { return context_.tally; }
  [[nodiscard]] std::vector<PeerView> peers() const;
  [[nodiscard]] std::vector<AgentView> agents() const;
  [[nodiscard]] std::optional<ExchangeView> exchange(std::string_view id) const;
  [[nodiscard]] std::vector<ExchangeView> exchanges(std::size_t limit) const;
  [[nodiscard]] std::vector<ExchangeView> dead(std::size_t limit) const;

 private:
  struct Handler;
  enum class Origin { Broker, Loopback };

  void receive(std::string_view topic, std::string_view payload, bool retained, Origin origin);
  [[nodiscard]] bool receive_plain(const event::BrokerMessage& message);
  void receive_state(const Topic& topic, std::string_view payload, bool retained);
  void handle_state(const Message& message, std::string_view payload);
  void handle(const Message& message, std::string_view payload);
  void handle_reply(const Message& message, std::string_view payload);
  void handle_from_own_name(const Message& message);
  void dropped(std::string_view counter, std::string_view topic, std::string_view payload, std::string why);
  void refuse(const std::optional<Address>& claimed_source, const std::optional<Address>& claimed_subject, std::string_view payload, ErrorCode code);
  void on_ask_answer(const AskAnswer& answer);
  struct Route {
    Target target;
    std::vector<std::string> chain;
  };
  [[nodiscard]] std::optional<Route> route(Ticket ticket, const WrittenTarget& written, const std::string& caller_agent, const std::string& caller_session);
  void look_out_for(const std::string& gateway);
  void send(const event::LocalSend& send);
  void spawn(const event::LocalSpawn& spawn);
  void ask(event::LocalAsk ask);
  void trust(const event::LocalTrust& trust);
  void revoke(const event::LocalRevoke& revoke);
  void take_settings(const Changeable& to);
  void replay(const event::LocalReplay& replay);
  void drop(const event::LocalDrop& drop);
  void link_changed();
  void drain_loopback();
  void go_on_stopping();

  Context context_;
  MessageDecoder decoder_;
  Peers peers_;
  Asks asks_;
  Outbox outbox_;
  LocalGateway gateway_;
  Inbox inbox_;
  Link link_;
  std::map<std::string, Instant> refused_at_;  // by claimed gateway: one refusal in 10 s
  bool started_ = false;
  enum class Stopping { No, Draining, Offline, Done } stopping_ = Stopping::No;
  Instant stop_deadline_{};
};

}  // namespace clawbridge::core
