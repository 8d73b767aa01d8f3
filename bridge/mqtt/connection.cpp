#include "bridge/mqtt/connection.h"

#include <algorithm>
#include <utility>

#include "bridge/mqtt/connect_failure.h"
#include "bridge/mqtt/paho_client.h"
#include "topics/message.h"

#if defined(__SANITIZE_ADDRESS__)
// Paho C 1.3.12 forgets the packet that its receiving thread has just read (a CONNACK and its properties) when that
// client is destroyed at the same moment. Nothing of ours is allocated there.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the name that the sanitizer looks for
extern "C" const char* __lsan_default_suppressions() { return "leak:libpaho-mqtt3as.so"; }  // NOLINT
#endif

namespace clawbridge::mqtt {
namespace {

constexpr int kQos = 1;
constexpr std::size_t kWindowUntold = 20;         // mosquitto's default; costs nothing elsewhere
constexpr std::size_t kWindowMax = 256;           // Paho searches its list for every acknowledgement
constexpr std::size_t kEarlyMessagesMax = 1'000;  // what brokers queue for a session, as a rule
constexpr std::int32_t kSessionExpirySeconds = 7 * 24 * 3600;
constexpr int kDisconnectTimeoutMs = 1'000;  // for what Paho itself still has in flight

/// Properties of every message we publish, and of the will.
paho::properties message_properties(bool plain = false) {
  return {{paho::property::PAYLOAD_FORMAT_INDICATOR, 1},
          {paho::property::CONTENT_TYPE, std::string(plain ? "text/plain; charset=utf-8" : kContentType)}};
}

template <class T>
std::size_t number_in(const paho::properties& properties, paho::property::code code) {
  return properties.contains(code) ? paho::get<T>(properties, code) : 0;
}

std::string text_in(const paho::properties& properties, paho::property::code code) {
  return properties.contains(code) ? paho::get<std::string>(properties, code) : std::string();
}

}  // namespace

void Listener::handle(const paho::token& token, bool ok) noexcept {
  try {
    handler_(token, ok);
  } catch (...) {
    // Out of memory in the middle of a report: there is nobody to tell, and going on would hide a lost answer.
    std::terminate();
  }
}

Connection::Connection(const BrokerUrl& url, const Settings& settings, core::action::ConnectBroker order,
                       core::EventSink sink, std::shared_ptr<Counters> counters)
    : url_(url),
      settings_(settings),
      order_(std::move(order)),
      sink_(std::move(sink)),
      counters_(std::move(counters)),
      window_(settings.queued_max, settings.queued_bytes_max) {}

Connection::~Connection() {
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::Ended;
  }
  if (relay_) relay_->stop();
  if (probing_.joinable()) probing_.join();
}

// ---- connecting ----

void Connection::start() noexcept {
  if (!url_.websocket) return connect(url_.paho, url_.paho);
  try {
    relay_ = std::make_unique<WebsocketRelay>(
        url_, settings_, 2,
        WebsocketRelay::Handlers{[this](const std::vector<std::string>& urls) { connect(urls[0], urls[1]); },
                                 [this](const std::string& why) { on_no_way(why); }});
  } catch (const std::exception& error) {
    fail({core::event::BrokerFailure::Other,
          "cannot start to connect to the broker " + url_.shown + ": " + error.what()});
  }
}

void Connection::connect(const std::string& subscriber_url, const std::string& publisher_url) noexcept {
  try {
    subscriber_.client = make_client(subscriber_url, order_.sub_client_id);
    publisher_.client = make_client(publisher_url, order_.pub_client_id);
    for (Side* side : {&subscriber_, &publisher_}) {
      side->client->set_message_callback([this](const paho::const_message_ptr& message) { on_message(*message); });
      side->client->set_connection_lost_handler([this, side](const std::string& reason) { on_lost(*side, reason); });
      // MQTT 5: the only word when the broker ends the connection itself.
      side->client->set_disconnected_handler([this, side](const paho::properties&, paho::ReasonCode reason) {
        const char* name = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(reason));
        on_lost(*side, name != nullptr ? name : std::to_string(static_cast<int>(reason)));
      });
    }
    // Both at once: a second connect takes Paho 1.1 s while the first is idle, and none while it is busy.
    subscriber_.client->connect(options(true), nullptr, subscriber_connect_);
    publisher_.client->connect(options(false), nullptr, publisher_connect_);
  } catch (const std::exception& error) {
    fail({core::event::BrokerFailure::Other, "cannot start a connection to the broker " + url_.shown + ": " +
                                                 error.what() + "; check the broker settings"});
  }
}

paho::connect_options Connection::options(bool subscribing) {
  paho::connect_options options = connect_options(url_, settings_, order_.protocol);
  if (order_.protocol >= 5) {
    options.set_clean_start(!subscribing);
    paho::properties properties;
    if (subscribing) properties.add({paho::property::SESSION_EXPIRY_INTERVAL, kSessionExpirySeconds});
    if (settings_.packet_bytes_max != 0) {
      properties.add({paho::property::MAXIMUM_PACKET_SIZE, static_cast<std::int32_t>(settings_.packet_bytes_max)});
    }
    options.set_properties(std::move(properties));
  } else {
    options.set_clean_session(!subscribing);
  }
  if (subscribing && !order_.will_topic.empty()) {
    paho::will_options will(order_.will_topic, order_.will_payload, kQos, true);
    if (order_.protocol >= 5) will.set_properties(message_properties());
    options.set_will(std::move(will));
  }
  return options;
}

void Connection::on_connect(Side& side, const paho::token& token, bool ok) {
  if (ok) {
    on_connected(side, token);
  } else {
    on_refused(token);
  }
}

void Connection::on_no_way(const std::string& why) {
  // The relay knows that it came to nothing; which check of TLS it was, the probe tells better.
  auto found = probe(url_, settings_);
  found.websocket_error = why;
  fail(classify(url_, {order_.protocol, -1, {}, settings_.username}, found));
}

void Connection::on_refused(const paho::token& token) {
  const ConnectAttempt attempt{order_.protocol, token.get_return_code(), message_of(token), settings_.username};
  if (!needs_probe(url_, attempt)) return fail(classify(url_, attempt, std::nullopt));
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::Connecting || probing_.joinable()) return;
  probing_ = std::thread([this, attempt] { fail(classify(url_, attempt, probe(url_, settings_))); });
}

void Connection::on_connected(Side& side, const paho::token& token) {
  const auto response = token.get_connect_response();
  const auto& properties = response.get_properties();
  std::unique_lock lock(mutex_);
  side.up = true;
  if (phase_ != Phase::Connecting) {
    lock.unlock();
    return disconnect(side);
  }
  if (&side == &subscriber_) {
    connected_.session_present = response.is_session_present();
  }
  if (&side == &publisher_) {
    const auto told = number_in<std::uint16_t>(properties, paho::property::RECEIVE_MAXIMUM);
    receive_maximum_ = told != 0 ? std::min(told, kWindowMax) : kWindowUntold;
    connected_.packet_bytes_max = number_in<std::uint32_t>(properties, paho::property::MAXIMUM_PACKET_SIZE);
  }
  if (!subscriber_.up || !publisher_.up) return;
  phase_ = Phase::Up;
  window_.open(receive_maximum_);
  connected_.protocol = order_.protocol >= 5 ? 5 : 4;
  auto early = std::exchange(early_, {});
  lock.unlock();
  sink_(connected_);
  for (auto& message : early) deliver(std::move(message));
}

void Connection::fail(core::event::BrokerConnectFailed failure) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::Connecting) return;
    phase_ = Phase::Ended;
  }
  for (Side* side : {&subscriber_, &publisher_}) disconnect(*side);
  sink_(std::move(failure));
}

// ---- losing and closing ----

void Connection::on_lost(Side& side, const std::string& reason) {
  std::unique_lock lock(mutex_);
  side.up = false;
  const auto phase = std::exchange(phase_, Phase::Ended);
  const auto tokens = window_.abandon();
  lock.unlock();
  closed_.notify_all();
  if (phase == Phase::Ended) return;
  for (Side* other : {&subscriber_, &publisher_}) {
    if (other != &side) disconnect(*other);
  }
  const std::string why = "lost the connection to the broker " + url_.shown + (reason.empty() ? "" : ": " + reason);
  for (const auto token : tokens) sink_(core::event::BrokerPublished{token, false, why, true});
  if (phase == Phase::Connecting) sink_(core::event::BrokerConnectFailed{core::event::BrokerFailure::Unreachable, why});
  if (phase == Phase::Up) sink_(core::event::BrokerLost{why});
}

void Connection::close() {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::Connecting) phase_ = Phase::Ended;
    if (phase_ != Phase::Up) return;
    phase_ = Phase::Closing;
  }
  disconnect(subscriber_);
  disconnect_publisher_when_idle();
}

bool Connection::wait_closed(std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  std::unique_lock lock(mutex_);
  closed_.wait_until(lock, end, [this] { return phase_ == Phase::Ended || (!subscriber_.up && !publisher_.up); });
  if (subscriber_.up || publisher_.up || !window_.idle()) return false;
  if (!relay_ || phase_ != Phase::Closing) return true;
  lock.unlock();
  // What Paho has sent must have left the relay too: a DISCONNECT that is lost there would publish the will.
  const auto left = end - std::chrono::steady_clock::now();
  return relay_->wait_closed(std::chrono::duration_cast<std::chrono::milliseconds>(left));
}

void Connection::on_disconnected(Side& side) {
  {
    const std::lock_guard lock(mutex_);
    side.up = false;
  }
  closed_.notify_all();
}

void Connection::disconnect(Side& side) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!side.up) return;
  }
  try {
    const auto token = side.client->disconnect(kDisconnectTimeoutMs);
    token->set_action_callback(&side == &subscriber_ ? subscriber_disconnect_ : publisher_disconnect_);
    if (token->is_complete()) on_disconnected(side);  // before the callback was there
  } catch (const std::exception&) {
    on_disconnected(side);  // it was closed already
  }
}

void Connection::disconnect_publisher_when_idle() {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::Closing || !window_.idle() || std::exchange(publisher_disconnecting_, true)) return;
  }
  disconnect(publisher_);
}

// ---- receiving ----

void Connection::on_message(const paho::message& message) {
  core::event::BrokerMessage event;
  event.topic = message.get_topic();
  event.payload = message.get_payload_str();
  event.retained = message.is_retained();
  if (order_.protocol >= 5 && !event.payload.starts_with('{')) {
    const auto& properties = message.get_properties();
    event.response_topic = text_in(properties, paho::property::RESPONSE_TOPIC);
    event.correlation_data = text_in(properties, paho::property::CORRELATION_DATA);
  }
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::Connecting && early_.size() < kEarlyMessagesMax) {
      early_.push_back(std::move(event));
      return;
    }
    if (phase_ != Phase::Up) {
      ++counters_->ignored;
      return;
    }
  }
  deliver(std::move(event));
}

void Connection::deliver(core::event::BrokerMessage&& message) {
  ++counters_->received;
  counters_->received_bytes += message.payload.size();
  sink_(std::move(message));
}

void Connection::subscribe(const core::action::Subscribe& order) {
  Subscribing* subscribing = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::Up) return;
    subscribing = &subscribing_.emplace_back();
    for (const auto& one : order.subscriptions) subscribing->results.push_back({one.filter, false});
    subscribing->unanswered = order.subscriptions.size();
  }
  // One by one: with several filters and options Paho C++ 1.2.0 hands Paho C a list that is already freed.
  for (const auto& one : order.subscriptions) {
    // Where retained messages mean nothing the flag is wanted as it was published, so that they are known even live.
    const paho::subscribe_options options(false, !one.wants_retained,
                                          one.wants_retained ? paho::subscribe_options::SEND_RETAINED_ON_SUBSCRIBE
                                                             : paho::subscribe_options::DONT_SEND_RETAINED);
    try {
      subscriber_.client->subscribe(one.filter, kQos, subscribing, subscribe_,
                                    order_.protocol >= 5 ? options : paho::subscribe_options());
    } catch (const std::exception&) {
      // Not connected any more, and on_lost() says so; or no filter MQTT knows, which counts as refused.
      answer_subscription(subscribing, one.filter, false);
    }
  }
}

void Connection::on_subscribed(const paho::token& token, bool ok) {
  const auto filters = token.get_topics();
  if (!filters || filters->empty()) return;
  bool granted = ok;
  if (ok) {
    const auto response = token.get_subscribe_response();
    for (const auto code : response.get_reason_codes()) granted = granted && static_cast<int>(code) < 0x80;
  }
  answer_subscription(static_cast<Subscribing*>(token.get_user_context()), (*filters)[0], granted);
}

void Connection::answer_subscription(Subscribing* subscribing, const std::string& filter, bool granted) {
  core::event::BrokerSubscribed event;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::Up) return;
    for (auto& result : subscribing->results) {
      if (result.filter == filter) result.granted = granted;
    }
    if (--subscribing->unanswered != 0) return;
    event.results = std::move(subscribing->results);
    subscribing_.remove_if([&](const auto& one) { return &one == subscribing; });
  }
  sink_(std::move(event));
}

// ---- publishing ----

void Connection::publish(core::action::Publish order) {
  const auto token = order.token;
  {
    std::unique_lock lock(mutex_);
    if (phase_ != Phase::Up) {
      lock.unlock();
      return drop(token, "not connected to the broker " + url_.shown);
    }
    if (!window_.offer(std::move(order))) {
      lock.unlock();
      return drop(token, "too many messages wait for the broker " + url_.shown + "; it is slower than they come");
    }
  }
  drain();
}

void Connection::drain() {
  std::unique_lock lock(mutex_);
  if (draining_) return;
  draining_ = true;
  while (phase_ == Phase::Up || phase_ == Phase::Closing) {
    auto ready = window_.next();
    if (!ready) break;
    lock.unlock();
    const std::string refused = send(ready->publish, *ready->slot);
    lock.lock();
    if (refused.empty()) continue;
    const auto token = window_.done(*ready->slot);
    lock.unlock();
    drop(token, refused);
    lock.lock();
  }
  draining_ = false;
}

std::string Connection::send(core::action::Publish& publish, PublishWindow::Slot& slot) {
  try {
    paho::message_ptr message;
    counters_->published_bytes += publish.payload.size();
    if (order_.protocol >= 5) {
      auto properties = message_properties(publish.plain);
      if (!publish.correlation_id.empty()) properties.add({paho::property::CORRELATION_DATA, publish.correlation_id});
      if (!publish.response_topic.empty()) properties.add({paho::property::RESPONSE_TOPIC, publish.response_topic});
      if (publish.expires_in) {
        const auto seconds = std::clamp<std::int64_t>(publish.expires_in->count(), 1, INT32_MAX);
        properties.add({paho::property::MESSAGE_EXPIRY_INTERVAL, static_cast<std::int32_t>(seconds)});
      }
      message = paho::message::create(publish.topic, std::move(publish.payload), kQos, publish.retain, properties);
    } else {
      message = paho::message::create(publish.topic, std::move(publish.payload), kQos, publish.retain);
    }
    publisher_.client->publish(std::move(message), &slot, publish_);
    return {};
  } catch (const std::exception& error) {
    return "cannot publish to " + publish.topic + " on the broker " + url_.shown + ": " + error.what();
  }
}

void Connection::on_published(const paho::token& token, bool ok) {
  auto* const slot = static_cast<PublishWindow::Slot*>(token.get_user_context());
  std::uint64_t ours = 0;
  {
    const std::lock_guard lock(mutex_);
    // A connection that was lost has given its places back and reported them already.
    if (phase_ != Phase::Up && phase_ != Phase::Closing) return;
    ours = window_.done(*slot);
  }
  // Without an answer of the broker Paho has given up because the connection ends, which it is about to report.
  const bool refused = !ok && is_refusal(token);
  ++(ok ? counters_->published : refused ? counters_->refused : counters_->dropped);
  if (ours != 0) {
    core::event::BrokerPublished event{ours, ok, {}, !ok && !refused};
    if (!ok) {
      const auto* const delivery = dynamic_cast<const paho::delivery_token*>(&token);
      const auto message = delivery != nullptr ? delivery->get_message() : nullptr;
      const std::string topic = message ? message->get_topic() : "a topic";
      event.reason = refused ? "the broker " + url_.shown + " refused the message for " + topic + ": " + reason_text(token) + "; check the broker's rules for this user"
                             : "the broker " + url_.shown + " has not answered to the message for " + topic;
    }
    sink_(std::move(event));
  }
  drain();
  disconnect_publisher_when_idle();
}

void Connection::drop(std::uint64_t token, const std::string& reason) {
  ++counters_->dropped;
  if (token != 0) sink_(core::event::BrokerPublished{token, false, reason, true});
}

}  // namespace clawbridge::mqtt
