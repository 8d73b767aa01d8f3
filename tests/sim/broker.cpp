#include "tests/sim/broker.h"

#include <algorithm>

namespace clawbridge::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr microseconds kKeepaliveWait = seconds{45};
constexpr microseconds kConnectTimeout = seconds{10};
constexpr std::size_t kRecordedMax = 256;
constexpr std::size_t kJustDeliveredMax = 4;
constexpr std::size_t kInflightExtra = 20;

}  // namespace

Broker::Broker(Scheduler& scheduler, Trace& trace, const RunOptions& options, Dice dice)
    : scheduler_(scheduler), trace_(trace), options_(options), dice_(dice) {}

void Broker::add_client(std::string name, Sink sink) {
  Client client;
  client.name = std::move(name);
  client.sink = std::move(sink);
  clients_.push_back(std::move(client));
}

microseconds Broker::hop() { return dice_.time(microseconds{20}, healed_ ? microseconds{500} : std::max(options_.latency, microseconds{20})); }

// One message's way over a hop of a connection: not at all once that is gone, and held back while the hop is cut.
void Broker::arrive(Client& client, std::uint64_t connection, bool inward, std::function<void()> what) {
  auto& free = inward ? client.in_free : client.out_free;
  const bool in_order = !inward || !options_.reorder || healed_;
  auto when = scheduler_.now() + hop();
  if (in_order) free = when = std::max(free, when);
  scheduler_.at(when, [&client, connection, inward, what = std::move(what)]() mutable {
    if (client.connection != connection) return;
    auto& held = inward ? client.held_in : client.held_out;
    if (inward ? client.cut_in : client.cut_out) {
      held.push_back(std::move(what));
    } else {
      what();
    }
  });
}

// ---- connections ----

void Broker::connect(std::size_t number, const core::action::ConnectBroker& order) {
  auto& client = clients_[number];
  if (client.phase == Client::Phase::Up) broken(number, false, nullptr);  // the adapter closes the old one first
  client.phase = Client::Phase::Connecting;
  const auto connection = ++client.connection;
  client.protocol = order.protocol;
  client.will = std::make_shared<const Message>(Message{order.will_topic, order.will_payload, true, {}});
  const auto fail = [this, number, connection](microseconds after, core::event::BrokerFailure failure, std::string reason) {
    scheduler_.after(after, [this, number, connection, failure, reason = std::move(reason)] {
      auto& failed = clients_[number];
      if (failed.connection != connection || failed.phase != Client::Phase::Connecting) return;
      failed.phase = Client::Phase::Down;
      failed.sink(core::event::BrokerConnectFailed{failure, reason});
    });
  };
  if (!up_) return fail(milliseconds{1}, core::event::BrokerFailure::Unreachable, "the virtual broker is down");
  if (client.cut_in || client.cut_out) return fail(kConnectTimeout, core::event::BrokerFailure::Unreachable, "the virtual network is cut");
  if (order.protocol == 5 && !options_.mqtt5) return fail(milliseconds{1}, core::event::BrokerFailure::ProtocolRefused, "this broker speaks MQTT 3.1.1");
  client.session = order.sub_client_id;
  scheduler_.after(hop() + hop(), [this, number, connection] { established(number, connection); });
}

void Broker::established(std::size_t number, std::uint64_t connection) {
  auto& client = clients_[number];
  if (client.connection != connection || client.phase != Client::Phase::Connecting) return;
  if (!up_ || client.cut_in || client.cut_out) {
    client.phase = Client::Phase::Down;
    client.sink(core::event::BrokerConnectFailed{core::event::BrokerFailure::Unreachable, "the virtual network broke"});
    return;
  }
  // The same client id again: the broker ends what it still took for a connection.
  if (const auto old = sessions_.find(client.session); old != sessions_.end() && old->second.client >= 0) end_session(client);
  auto& session = sessions_[client.session];
  client.phase = Client::Phase::Up;
  client.noticed = true;
  client.out_free = client.in_free = scheduler_.now();
  const bool present = !session.subscriptions.empty();
  session.client = static_cast<int>(number);
  trace_.line(client.name, "broker.connected", connection);
  client.sink(core::event::BrokerConnected{client.protocol, client.protocol == 5 ? options_.packet_bytes_max : 0, present});
  // What was not acknowledged comes first, once more.
  auto waiting = std::exchange(session.waiting, {});
  for (const auto& message : waiting) deliver(session, message, false);
}

// The connection is gone: for the bridge when `why` is given, for the broker in any case.
void Broker::broken(std::size_t number, bool give_will, const std::string* why) {
  auto& client = clients_[number];
  const auto phase = std::exchange(client.phase, Client::Phase::Down);
  ++client.connection;
  client.held_in.clear();
  client.held_out.clear();
  const auto tokens = std::exchange(client.unacknowledged, {});
  const auto session = sessions_.find(client.session);
  if (session != sessions_.end() && session->second.client == static_cast<int>(number)) end_session(client);
  if (phase == Client::Phase::Up && give_will && client.will && up_) route(client.will);
  client.will.reset();
  if (why == nullptr) return;
  trace_.line(client.name, "broker.lost", 0, [&] { return *why; });
  if (phase == Client::Phase::Connecting) client.sink(core::event::BrokerConnectFailed{core::event::BrokerFailure::Unreachable, *why});
  if (phase != Client::Phase::Up) return;
  for (const auto token : tokens) client.sink(core::event::BrokerPublished{token, false, *why, true});
  client.sink(core::event::BrokerLost{*why});
}

// What is on its way to the client goes back into its queue, and so may what it has just taken.
void Broker::end_session(Client& client) {
  const auto found = sessions_.find(client.session);
  if (found == sessions_.end()) return;
  auto& session = found->second;
  session.client = -1;
  if (!options_.keeps_sessions) {
    sessions_.erase(found);
    return;
  }
  std::deque<Shared> again;
  if (!healed_ && options_.duplicate > 0 && dice_.chance(0.5)) {
    again = std::exchange(session.just_delivered, {});
    trace_.count("messages redelivered", again.size());
  }
  for (auto& [message, retained] : session.under_way) again.push_back(message);
  session.under_way.clear();
  session.just_delivered.clear();
  session.waiting.insert(session.waiting.begin(), again.begin(), again.end());
}

void Broker::disconnect(std::size_t number) {
  auto& client = clients_[number];
  if (client.phase == Client::Phase::Down) return;
  // What was published before is still on its way: the connection closes behind it.
  const auto connection = client.connection;
  if (client.phase == Client::Phase::Up && !client.cut_out) {
    client.will.reset();                       // an orderly end gives none
    client.phase = Client::Phase::Connecting;  // no event comes any more
    arrive(client, connection, false, [this, number, connection] {
      if (clients_[number].connection == connection) {
        clients_[number].phase = Client::Phase::Up;
        broken(number, false, nullptr);
      }
    });
    return;
  }
  broken(number, false, nullptr);
}

void Broker::vanish(std::size_t number) {
  auto& client = clients_[number];
  if (client.phase != Client::Phase::Up) {
    broken(number, false, nullptr);
    return;
  }
  if (dice_.chance(0.7)) {
    broken(number, true, nullptr);
    return;
  }
  // Its machine died: nobody said so. Messages pile up for it until the keepalive has passed or it comes back.
  const auto connection = ++client.connection;
  client.held_in.clear();
  client.held_out.clear();
  client.unacknowledged.clear();
  client.phase = Client::Phase::Down;
  client.noticed = false;
  const auto session = client.session;
  const auto will = client.will;
  scheduler_.after(kKeepaliveWait, [this, number, session, will, connection] {
    auto& late = clients_[number];
    const bool came_back = late.connection != connection;
    const auto found = sessions_.find(session);
    if (!came_back && found != sessions_.end()) end_session(late);
    if (will && up_) route(will);
  });
}

// ---- messages ----

void Broker::subscribe(std::size_t number, const core::action::Subscribe& order) {
  auto& client = clients_[number];
  if (client.phase != Client::Phase::Up) return;
  const auto connection = client.connection;
  arrive(client, connection, false, [this, number, connection, order] {
    auto& asking = clients_[number];
    auto& session = sessions_[asking.session];
    core::event::BrokerSubscribed subscribed;
    for (const auto& subscription : order.subscriptions) {
      session.subscriptions[subscription.filter] = subscription.wants_retained;
      subscribed.results.push_back({subscription.filter, true});
    }
    arrive(asking, connection, true, [&asking, subscribed = std::move(subscribed)] { asking.sink(subscribed); });
    if (!options_.keeps_retained) return;
    for (const auto& subscription : order.subscriptions) {
      if (!subscription.wants_retained && asking.protocol == 5) continue;
      for (const auto& [topic, message] : retained_) {
        if (matches(subscription.filter, topic)) deliver(session, message, true);
      }
    }
  });
}

void Broker::publish(std::size_t number, const core::action::Publish& order) {
  auto& client = clients_[number];
  if (client.phase != Client::Phase::Up) {
    if (order.token != 0) client.sink(core::event::BrokerPublished{order.token, false, "not connected to the virtual broker", true});
    return;
  }
  if (options_.packet_bytes_max != 0 && order.topic.size() + order.payload.size() > options_.packet_bytes_max) {
    trace_.violation("limits", client.name + " publishes " + std::to_string(order.payload.size()) + " bytes to a broker that takes " +
                                   std::to_string(options_.packet_bytes_max));
  }
  auto message = std::make_shared<Message>(Message{order.topic, order.payload, order.retain, {}});
  if (order.expires_in && client.protocol == 5) message->expires = scheduler_.now() + *order.expires_in;
  if (order.token != 0) client.unacknowledged.insert(order.token);
  const auto connection = client.connection;
  arrive(client, connection, false, [this, number, connection, message, token = order.token, report = order.report_success] {
    auto& from = clients_[number];
    if (token != 0) {
      arrive(from, connection, true, [&from, token, report] {
        if (from.unacknowledged.erase(token) != 0 && report) from.sink(core::event::BrokerPublished{token, true, "", false});
      });
    }
    recorded_.push_back(message);
    if (recorded_.size() > kRecordedMax) recorded_.pop_front();
    route(message);
  });
}

void Broker::route(const Shared& message) {
  trace_.count("messages routed");
  if (message->retain && options_.keeps_retained) {
    if (message->payload.empty()) {
      retained_.erase(message->topic);
    } else {
      retained_[message->topic] = message;
    }
  }
  for (auto& [name, session] : sessions_) {
    for (const auto& [filter, wants_retained] : session.subscriptions) {
      if (!matches(filter, message->topic)) continue;
      const bool keeps_flag = session.client >= 0 && clients_[static_cast<std::size_t>(session.client)].protocol == 5 && !wants_retained;
      if (!healed_ && dice_.chance(options_.drop)) {
        trace_.count("messages dropped");
        break;
      }
      deliver(session, message, keeps_flag && message->retain);
      if (!healed_ && dice_.chance(options_.duplicate)) {
        trace_.count("messages doubled");
        scheduler_.after(dice_.spread(milliseconds{1}, seconds{300}), [this, name = name, message] { hand_to(name, message, false); });
      }
      break;  // one delivery per session, whatever overlaps
    }
  }
}

void Broker::hand_to(const std::string& session_name, const Shared& message, bool retained) {
  const auto found = sessions_.find(session_name);
  if (found != sessions_.end()) deliver(found->second, message, retained);
}

void Broker::deliver(Session& session, const Shared& message, bool retained) {
  if (message->expires && scheduler_.now() >= *message->expires) {
    trace_.count("messages expired at the broker");
    return;
  }
  if (session.client < 0 || session.under_way.size() >= options_.queue_max + kInflightExtra) {
    if (session.client >= 0 || session.waiting.size() >= options_.queue_max) {
      trace_.count("messages overflowed");
      return;
    }
    session.waiting.push_back(message);
    return;
  }
  auto& client = clients_[static_cast<std::size_t>(session.client)];
  session.under_way.emplace_back(message, retained);
  if (!client.noticed) return;
  arrive(client, client.connection, true, [this, &client, message, retained] {
    const auto found = sessions_.find(client.session);
    if (found != sessions_.end()) {
      auto& under_way = found->second.under_way;
      const auto at = std::find_if(under_way.begin(), under_way.end(), [&](const auto& entry) { return entry.first == message; });
      if (at != under_way.end()) under_way.erase(at);
      found->second.just_delivered.push_back(message);
      if (found->second.just_delivered.size() > kJustDeliveredMax) found->second.just_delivered.pop_front();
    }
    if (client.phase == Client::Phase::Up) client.sink(core::event::BrokerMessage{message->topic, message->payload, retained, {}, {}});
  });
}

bool Broker::matches(std::string_view filter, std::string_view topic) {
  while (true) {
    const auto level = filter.substr(0, filter.find('/'));
    const auto name = topic.substr(0, topic.find('/'));
    if (level != "+" && level != name) return false;
    const bool more = level.size() < filter.size();
    if (more != (name.size() < topic.size())) return false;
    if (!more) return true;
    filter.remove_prefix(level.size() + 1);
    topic.remove_prefix(name.size() + 1);
  }
}

// ---- faults ----

void Broker::restart(bool forget, microseconds down) {
  trace_.line("broker", "restart", forget ? 1 : 0);
  trace_.count("broker restarts");
  up_ = false;
  const auto boot = ++boots_;
  const std::string why = "the virtual broker restarts";
  for (std::size_t number = 0; number < clients_.size(); ++number) broken(number, false, &why);
  if (forget) {
    sessions_.clear();
    retained_.clear();
  }
  scheduler_.after(down, [this, boot] {
    if (boot == boots_) up_ = true;
  });
}

void Broker::cut(std::size_t number, bool in, bool out, microseconds time) {
  auto& client = clients_[number];
  trace_.line(client.name, "network.cut", static_cast<std::uint64_t>(time.count()), [&] { return std::string(in ? "in " : "") + (out ? "out" : ""); });
  trace_.count("network cuts");
  client.cut_in = client.cut_in || in;
  client.cut_out = client.cut_out || out;
  const auto cut = ++client.cuts;
  const auto connection = client.connection;
  if (time > kKeepaliveWait) {
    scheduler_.after(kKeepaliveWait, [this, number, connection, cut] {
      static const std::string why = "nothing came for longer than the keepalive";
      auto& silent = clients_[number];
      if (silent.connection == connection && silent.cuts == cut && (silent.cut_in || silent.cut_out)) broken(number, true, &why);
    });
  }
  scheduler_.after(time, [this, number, cut] {
    auto& back = clients_[number];
    if (back.cuts != cut) return;
    back.cut_in = back.cut_out = false;
    for (auto* held : {&back.held_out, &back.held_in}) {
      auto all = std::exchange(*held, {});
      const auto now_connection = back.connection;
      for (auto& what : all) {
        if (back.connection == now_connection) what();
      }
    }
  });
}

void Broker::replay() {
  if (recorded_.empty() || !up_) return;
  trace_.count("messages replayed");
  // Requests rather than anything else: they are what could run again.
  std::vector<Shared> requests;
  for (const auto& message : recorded_) {
    if (message->topic.ends_with("/inbox")) requests.push_back(message);
  }
  const auto message = !requests.empty() && dice_.chance(0.7) ? dice_.pick(requests) : recorded_[dice_.below(recorded_.size())];
  trace_.line("broker", "replay", hash_of(message->payload), [&] { return message->topic; });
  auto copy = *message;
  copy.retain = false;
  copy.expires.reset();
  route(std::make_shared<const Message>(std::move(copy)));
}

void Broker::heal() {
  healed_ = true;
  up_ = true;
  ++boots_;
  for (auto& client : clients_) {
    ++client.cuts;
    client.cut_in = client.cut_out = false;
    for (auto* held : {&client.held_out, &client.held_in}) {
      for (auto& what : std::exchange(*held, {})) what();
    }
  }
}

}  // namespace clawbridge::sim
