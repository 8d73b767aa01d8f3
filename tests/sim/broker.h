// A virtual MQTT broker, its clients' connections and the network between them, at the level of the core's events and actions.
//
//   bridge ──(hop)──▶ broker: retained, sessions, queues ──(hop)──▶ bridge
//
// Each hop takes a while and keeps the order, as TCP does; what is on a hop when the connection breaks is lost outwards, and
// delivered again inwards when the session is kept. Faults: see RunOptions.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bridge/core/action.h"
#include "tests/sim/options.h"
#include "tests/sim/random.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/trace.h"

namespace clawbridge::sim {

class Broker {
 public:
  using Sink = std::function<void(core::Event)>;

  Broker(Scheduler& scheduler, Trace& trace, const RunOptions& options, Dice dice);

  /// A bridge's place; its number counts from 0. `sink` gets its events while it is connected.
  void add_client(std::string name, Sink sink);

  // ---- what a bridge orders ----
  void connect(std::size_t client, const core::action::ConnectBroker& order);
  void disconnect(std::size_t client);
  void subscribe(std::size_t client, const core::action::Subscribe& order);
  void publish(std::size_t client, const core::action::Publish& order);
  /// Its process has died: the broker notices at once, or when the keepalive has passed.
  void vanish(std::size_t client);

  // ---- faults ----
  void restart(bool forget, std::chrono::microseconds down);
  /// Holds back what goes in or out. Longer than the keepalive: both sides give the connection up.
  void cut(std::size_t client, bool in, bool out, std::chrono::microseconds time);
  /// An earlier message comes once more, as from somebody who recorded it.
  void replay();
  /// From now on nothing is lost, doubled or cut.
  void heal();

  [[nodiscard]] bool healed() const { return healed_; }

 private:
  struct Message {
    std::string topic;
    std::string payload;
    bool retain = false;
    std::optional<Instant> expires;
  };
  using Shared = std::shared_ptr<const Message>;
  // A client id's: outlives connections when the broker keeps sessions.
  struct Session {
    int client = -1;                             // connected now; -1: nobody
    std::map<std::string, bool> subscriptions;   // filter; wants retained
    std::deque<Shared> waiting;                  // while nobody is connected
    std::deque<std::pair<Shared, bool>> under_way;  // towards the client, and its RETAIN flag
    std::deque<Shared> just_delivered;           // whose acknowledgement may be lost with the connection
  };
  struct Client {
    std::string name;
    Sink sink;
    enum class Phase { Down, Connecting, Up } phase = Phase::Down;
    std::uint64_t connection = 0;                // number of the attempt or connection
    int protocol = 5;
    std::string session;                         // client id
    Shared will;
    std::set<std::uint64_t> unacknowledged;      // tokens
    Instant out_free{};                          // when the hop's last message arrives: order is kept
    Instant in_free{};
    bool cut_in = false;
    bool cut_out = false;
    std::uint64_t cuts = 0;
    std::deque<std::function<void()>> held_in;
    std::deque<std::function<void()>> held_out;
    bool noticed = true;                         // the broker knows that the client is gone
  };

  [[nodiscard]] std::chrono::microseconds hop();
  void arrive(Client& client, std::uint64_t connection, bool inward, std::function<void()> what);
  void established(std::size_t client, std::uint64_t connection);
  void broken(std::size_t client, bool give_will, const std::string* why);
  void end_session(Client& client);
  void route(const Shared& message);
  void deliver(Session& session, const Shared& message, bool retained);
  void hand_to(const std::string& session_name, const Shared& message, bool retained);
  [[nodiscard]] static bool matches(std::string_view filter, std::string_view topic);

  Scheduler& scheduler_;
  Trace& trace_;
  const RunOptions& options_;
  Dice dice_;
  std::vector<Client> clients_;
  std::map<std::string, Session> sessions_;      // by client id
  std::map<std::string, Shared> retained_;
  std::deque<Shared> recorded_;                  // for replay()
  bool up_ = true;
  bool healed_ = false;
  std::uint64_t boots_ = 0;
};

}  // namespace clawbridge::sim
