#include "bridge/mqtt/short_client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iterator>
#include <utility>

#include "topics/message.h"

namespace clawbridge::mqtt {
namespace {

using std::chrono::milliseconds;

constexpr int kOnce = 1;                      // QoS
constexpr std::size_t kArrivalsMax = 20'000;  // states of a large federation
constexpr std::int32_t kSecondsKept = 60;     // of sessions and retained messages that a broken-off run leaves behind
constexpr milliseconds kClosing{1'000};

paho::properties short_lived() {
  return {{paho::property::PAYLOAD_FORMAT_INDICATOR, 1},
          {paho::property::CONTENT_TYPE, std::string("text/plain; charset=utf-8")},
          {paho::property::MESSAGE_EXPIRY_INTERVAL, kSecondsKept}};
}

/// The sockets of this process that are connected to that port of another.
std::set<int> sockets_to(std::uint16_t port) {
  std::set<int> sockets;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/fd")) {
    const int file = std::atoi(entry.path().filename().c_str());
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(file, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
    std::uint16_t theirs = 0;  // in network order
    if (peer.ss_family == AF_INET) theirs = reinterpret_cast<const sockaddr_in*>(&peer)->sin_port;
    if (peer.ss_family == AF_INET6) theirs = reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_port;
    if (theirs == htons(port)) sockets.insert(file);
  }
  return sockets;
}

}  // namespace

milliseconds Deadline::left(milliseconds most) const {
  const auto left = std::chrono::duration_cast<milliseconds>(end_ - Clock::now());
  return std::clamp(left, milliseconds{0}, most);
}

void Mailbox::put(Arrival arrival) {
  {
    const std::lock_guard lock(mutex_);
    if (arrivals_.size() < kArrivalsMax) arrivals_.push_back(std::move(arrival));
  }
  changed_.notify_all();
}

void Mailbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool Mailbox::closed() {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::optional<Arrival> Mailbox::take(const std::function<bool(const Arrival&)>& fits, milliseconds limit) {
  std::unique_lock lock(mutex_);
  auto found = arrivals_.end();
  changed_.wait_for(lock, limit, [&] {
    found = std::ranges::find_if(arrivals_, fits);
    return found != arrivals_.end() || closed_;
  });
  found = std::ranges::find_if(arrivals_, fits);
  if (found == arrivals_.end()) return std::nullopt;
  Arrival arrival = std::move(*found);
  arrivals_.erase(found);
  return arrival;
}

ShortClient::~ShortClient() {
  close();
  if (relay_) relay_->stop();
}

/// The address for Paho; nothing when a WebSocket does not come up, and greeting_ stays empty.
std::optional<std::string> ShortClient::way_in(milliseconds limit) {
  if (!url_.websocket) return url_.paho;
  const auto promise = std::make_shared<std::promise<std::string>>();  // the relay's thread may tell after the wait
  auto told = promise->get_future();
  relay_ = std::make_unique<WebsocketRelay>(
      url_, settings_, 1,
      WebsocketRelay::Handlers{
          .opened = [promise](const std::vector<std::string>& urls) { promise->set_value(urls[0]); },
          .failed =
              [promise](const std::string&) {
                try {
                  promise->set_value({});
                } catch (const std::future_error&) {
                  // It had opened, and ends now.
                }
              }});
  if (told.wait_for(limit) != std::future_status::ready) return std::nullopt;
  auto address = told.get();
  return address.empty() ? std::nullopt : std::optional(std::move(address));
}

std::optional<ConnectAttempt> ShortClient::connect(const Session& session, milliseconds limit) {
  protocol_ = session.protocol;
  ConnectAttempt attempt{session.protocol, -1, {}, settings_.username};
  const auto address = way_in(limit);
  if (!address) return attempt;
  paho::token_ptr token;
  const auto others = sockets_to(url_.port);
  try {
    client_ = make_client(*address, session.client_id);
    client_->set_message_callback([this](const paho::const_message_ptr& message) {
      mailbox_.put({message->get_topic(), message->get_payload_str(), message->is_retained()});
    });
    client_->set_connection_lost_handler([this](const std::string&) { mailbox_.close(); });
    client_->set_disconnected_handler([this](const paho::properties&, paho::ReasonCode) { mailbox_.close(); });
    auto options = connect_options(url_, settings_, protocol_);
    if (protocol_ >= 5) {
      options.set_clean_start(!session.kept);
      if (session.kept) options.set_properties({{paho::property::SESSION_EXPIRY_INTERVAL, kSecondsKept}});
    } else {
      options.set_clean_session(!session.kept);
    }
    if (!session.will_topic.empty()) {
      options.set_will(paho::will_options(session.will_topic, session.will_payload, kOnce, false));
    }
    token = client_->connect(options);
    if (!token->wait_for(limit)) return attempt;
  } catch (const paho::exception& error) {
    attempt.code = token ? token->get_return_code() : error.get_return_code();
    attempt.message = error.get_message();
    return attempt;
  }
  std::ranges::set_difference(sockets_to(url_.port), others, std::inserter(sockets_, sockets_.end()));
  const auto response = token->get_connect_response();
  const auto& properties = response.get_properties();
  greeting_.session_present = response.is_session_present();
  using paho::property;
  if (properties.contains(property::MAXIMUM_QOS))
    greeting_.qos_max = paho::get<std::uint8_t>(properties, property::MAXIMUM_QOS);
  if (properties.contains(property::RETAIN_AVAILABLE))
    greeting_.keeps_retained = paho::get<std::uint8_t>(properties, property::RETAIN_AVAILABLE) != 0;
  if (properties.contains(property::MAXIMUM_PACKET_SIZE))
    greeting_.packet_bytes_max = paho::get<std::uint32_t>(properties, property::MAXIMUM_PACKET_SIZE);
  return std::nullopt;
}

Receipt ShortClient::subscribe(const std::string& filter, milliseconds limit) {
  paho::token_ptr token;
  try {
    token = client_->subscribe(filter, kOnce);
    if (!token->wait_for(limit)) return {.reason = "no answer"};
    const auto response = token->get_subscribe_response();
    for (const auto code : response.get_reason_codes()) {
      const int granted = static_cast<int>(code);
      if (granted >= 0x80) return {.answered = true, .reason = "answer " + std::to_string(granted)};
      return {.accepted = true, .answered = true, .qos = granted};
    }
    return {.accepted = true, .answered = true, .qos = kOnce};
  } catch (const std::exception& error) {
    const auto reason = token ? reason_text(*token) : std::string();
    return {.answered = !mailbox_.closed(), .reason = reason.empty() ? error.what() : reason};
  }
}

Receipt ShortClient::publish(const std::string& topic, const std::string& payload, bool retain, milliseconds limit) {
  paho::delivery_token_ptr token;
  try {
    // A message of the contract is JSON; everything else is a doctor's own.
    const bool event = payload.starts_with('{');
    paho::properties properties;
    if (protocol_ >= 5)
      properties = event ? paho::properties{{paho::property::CONTENT_TYPE, std::string(kContentType)}} : short_lived();
    token = client_->publish(paho::message::create(topic, payload, kOnce, retain, properties));
    if (!token->wait_for(limit)) return {.reason = "no answer"};
    // Paho takes an MQTT 5 refusal for an answer like any other.
    const int answer = static_cast<int>(token->get_reason_code());
    const bool refused = answer >= 0x80 && answer != paho::ReasonCode::MQTTPP_V3_CODE;
    return {.accepted = !refused, .answered = true, .reason = refused ? reason_text(*token) : std::string()};
  } catch (const std::exception& error) {
    const auto reason = token ? reason_text(*token) : std::string();
    return {.answered = !mailbox_.closed(), .reason = reason.empty() ? error.what() : reason};
  }
}

void ShortClient::unsubscribe(const std::string& filter, milliseconds limit) {
  try {
    client_->unsubscribe(filter)->wait_for(limit);
  } catch (const std::exception&) {
    // It ends with the connection anyway.
  }
}

void ShortClient::cut() {
  if (relay_) return relay_->stop();
  for (const int file : std::exchange(sockets_, {})) ::shutdown(file, SHUT_RDWR);
}

void ShortClient::close() {
  if (!client_) return;
  try {
    if (!mailbox_.closed() && client_->is_connected()) {
      paho::disconnect_options options;
      if (protocol_ >= 5) options.set_properties({{paho::property::SESSION_EXPIRY_INTERVAL, 0}});
      client_->disconnect(options)->wait_for(kClosing);
    }
  } catch (const std::exception&) {
    // It was closed already.
  }
  client_.reset();
}

}  // namespace clawbridge::mqtt
