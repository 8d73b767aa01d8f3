#include "bridge/mqtt/websocket_relay.h"

#include <array>
#include <exception>
#include <utility>

#include "bridge/mqtt/own_socket.h"
#include "bridge/mqtt/websocket.h"

namespace clawbridge::mqtt {

using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;

}  // namespace

/// One WebSocket and the one connection of Paho's that it carries.
class WebsocketRelay::Link {
 public:
  Link(asio::io_context& io, const BrokerUrl& url, const Settings& settings)
      : listener_(io), paho_(io), broker_(make_websocket(io, url, settings)) {}

  /// The way to the broker, then the port for Paho.
  asio::awaitable<void> open() {
    co_await broker_->open();
    const tcp::endpoint loopback(asio::ip::address_v4::loopback(), 0);
    listener_.open(loopback.protocol());
    listener_.bind(loopback);  // without reuse_address: nobody else may have this port beside us
    listener_.listen();
  }

  [[nodiscard]] std::string url() const {
    return "tcp://127.0.0.1:" + std::to_string(listener_.local_endpoint().port());
  }

  asio::awaitable<void> let_paho_in() {
    for (;;) {
      paho_ = co_await listener_.async_accept(use_awaitable);
      if (is_own_socket(paho_.native_handle())) break;
      paho_.close();  // a stranger: it is told nothing, and may not keep Paho out
    }
    listener_.close();
    paho_.set_option(tcp::no_delay(true));
  }

  asio::awaitable<void> carry_to_broker() {
    std::vector<char> piece(kPieceBytes);
    try {
      for (;;) {
        const auto count = co_await paho_.async_read_some(asio::buffer(piece), use_awaitable);
        co_await broker_->write(asio::buffer(piece.data(), count));
      }
    } catch (const boost::system::system_error&) {
      // Paho has closed, and the broker has all of it; or the broker is gone, and carry_to_paho() ends too.
    }
    try {
      co_await broker_->close();
    } catch (const boost::system::system_error&) {
      // It was faster, or does not answer.
    }
    broker_->cut();
  }

  asio::awaitable<void> carry_to_paho() {
    std::vector<char> piece(kPieceBytes);
    try {
      for (;;) {
        const auto count = co_await broker_->read_some(asio::buffer(piece));
        co_await asio::async_write(paho_, asio::buffer(piece.data(), count), use_awaitable);
      }
    } catch (const boost::system::system_error&) {
      // Either side has closed.
    }
    // Only this direction: closing all of it could take the broker's last words, such as why it refuses us, back from
    // Paho, which has not read them yet. Paho closes in its turn.
    error_code ignored;
    paho_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  void cut() noexcept {
    error_code ignored;
    listener_.cancel(ignored);
    paho_.close(ignored);
    broker_->cut();
  }

 private:
  tcp::acceptor listener_;
  tcp::socket paho_;
  std::unique_ptr<WebSocket> broker_;
};

WebsocketRelay::WebsocketRelay(const BrokerUrl& url, const Settings& settings, std::size_t count, Handlers handlers)
    : url_(url), settings_(settings), count_(count), handlers_(std::move(handlers)), thread_([this] { run(); }) {}

WebsocketRelay::~WebsocketRelay() {
  stop();
}

void WebsocketRelay::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { cut(); });
  thread_.join();
}

bool WebsocketRelay::wait_closed(std::chrono::milliseconds deadline) {
  return closed_.wait_for(deadline) == std::future_status::ready;
}

void WebsocketRelay::run() {
  try {
    for (std::size_t n = 0; n < count_; ++n) links_.push_back(std::make_unique<Link>(io_, url_, settings_));
    for (const auto& link : links_) spawn(serve(link.get()));
  } catch (...) {
    ended(std::current_exception());
  }
  io_.run();
  closed_promise_.set_value();
}

void WebsocketRelay::spawn(asio::awaitable<void> conversation) {
  ++conversations_;
  asio::co_spawn(io_, std::move(conversation), [this](std::exception_ptr error) {
    ended(std::move(error));
    // Not left to io_ itself: Beast's timer of a handshake that failed would keep it for the rest of its time.
    if (--conversations_ == 0) io_.stop();
  });
}

asio::awaitable<void> WebsocketRelay::serve(Link* link) {
  // What a step waits for may have come just before everything was cut, hence the question after each.
  if (cut_) co_return;
  co_await link->open();
  if (cut_) co_return;
  if (++links_open_ == count_) {
    std::vector<std::string> urls;
    for (const auto& one : links_) urls.push_back(one->url());
    handlers_.opened(std::move(urls));
  }
  co_await link->let_paho_in();
  if (cut_) co_return;
  spawn(link->carry_to_paho());
  co_await link->carry_to_broker();
}

void WebsocketRelay::ended(std::exception_ptr error) {
  if (!error || cut_) return;
  cut();
  try {
    std::rethrow_exception(std::move(error));
  } catch (const std::exception& failure) {
    handlers_.failed(failure.what());
  }
}

void WebsocketRelay::cut() noexcept {
  cut_ = true;
  for (const auto& link : links_) link->cut();
}

}  // namespace clawbridge::mqtt
