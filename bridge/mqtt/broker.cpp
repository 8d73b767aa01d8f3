#include "bridge/mqtt/broker.h"

#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "bridge/mqtt/connection.h"

namespace clawbridge::mqtt {
namespace {

BrokerUrl require_url(const std::string& text) {
  auto url = parse_broker_url(text);
  if (!url) throw std::invalid_argument(url.error().message);
  return std::move(url).value();
}

}  // namespace

Broker::Broker(Settings settings, core::EventSink sink)
    : settings_(std::move(settings)),
      url_(require_url(settings_.url)),
      sink_(std::move(sink)),
      counters_(std::make_shared<Counters>()) {
  forget_proxies();
}

Broker::~Broker() {
  stop(std::chrono::milliseconds{0});
}

void Broker::carry_out(core::action::ConnectBroker order) {
  finish_starting();
  auto old = std::move(connection_);
  connection_ = std::make_unique<Connection>(url_, settings_, std::move(order), sink_, counters_);
  // The old one goes first: its client ids are the new one's, and Paho connects at once only when it has no other
  // client.
  starter_ = std::thread([old = std::move(old), now = connection_.get()]() mutable {
    old.reset();
    now->start();
  });
}

void Broker::carry_out(const core::action::DisconnectBroker&) {
  finish_starting();
  if (connection_) connection_->close();
}

void Broker::carry_out(const core::action::Subscribe& order) {
  if (connection_) connection_->subscribe(order);
}

void Broker::carry_out(core::action::Publish order) {
  if (connection_) return connection_->publish(std::move(order));
  ++counters_->dropped;
  if (order.token != 0)
    sink_(core::event::BrokerPublished{order.token, false, "not connected to the broker " + url_.shown, true});
}

bool Broker::stop(std::chrono::milliseconds deadline) {
  finish_starting();
  if (!connection_) return true;
  connection_->close();
  const bool closed = connection_->wait_closed(deadline);
  connection_.reset();
  return closed;
}

void Broker::finish_starting() {
  if (starter_.joinable()) starter_.join();
}

}  // namespace clawbridge::mqtt
