#include "bridge/mqtt/websocket.h"

// Beast includes Asio, which must come through the header above.
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "bridge/mqtt/tls.h"

namespace clawbridge::mqtt {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using asio::use_awaitable;
using boost::system::error_code;
using boost::system::system_error;

namespace {

constexpr std::chrono::seconds kGoodbyeTimeout{1};
constexpr std::size_t kTlsRecordBytes = 16'384;

using Plain = beast::tcp_stream;
using Secure = beast::ssl_stream<beast::tcp_stream>;

std::string host_and_port(const BrokerUrl& url) {
  const bool v6 = url.host.find(':') != std::string::npos;
  return (v6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

/// What came instead of the switch to WebSocket, in words for a person. Of the broker's own words only the number: what
/// it writes beside it is text from outside.
std::string refusal(const websocket::response_type& response, const BrokerUrl& url) {
  return "it answers HTTP " + std::to_string(response.result_int()) + " " +
         std::string(beast::http::obsolete_reason(response.result())) + " at the path " + url.path;
}

// The TLS context lives as long as the stream made with it.
struct Tls {
  explicit Tls(const Settings& settings) : context(asio::ssl::context::tls_client) {
    context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    if (auto error = prepare_tls(context.native_handle(), settings); !error.empty()) throw std::runtime_error(error);
  }
  asio::ssl::context context;
};
struct NoTls {};

template <class Next>
class WebSocketOver final : public WebSocket {
  static constexpr bool kSecure = std::is_same_v<Next, Secure>;
  using Context = std::conditional_t<kSecure, Tls, NoTls>;

 public:
  WebSocketOver(asio::io_context& io, const BrokerUrl& url, const Settings& settings) requires(!kSecure)
      : io_(io), url_(url), step_timeout_(settings.connect_timeout), stream_(io) {}
  WebSocketOver(asio::io_context& io, const BrokerUrl& url, const Settings& settings) requires kSecure
      : io_(io),
        url_(url),
        step_timeout_(settings.connect_timeout),
        tls_(settings),
        stream_(io, tls_.context) {}

  asio::awaitable<void> open() override {
    co_await connect();
    tcp().socket().set_option(asio::ip::tcp::no_delay(true));
    if constexpr (kSecure) {
      if (!expect_host(stream_.next_layer().native_handle(), url_.host)) {
        throw system_error(error_code(asio::error::invalid_argument), "the host name \"" + url_.host + "\"");
      }
      tcp().expires_after(step_timeout_);
      co_await stream_.next_layer().async_handshake(asio::ssl::stream_base::client, use_awaitable);
    }
    tcp().expires_never();  // from here on the WebSocket's own timeouts hold
    co_await upgrade();
  }

  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into) override {
    std::size_t count = 0;
    // An empty frame is allowed, and is no bytes.
    while (count == 0) count = co_await stream_.async_read_some(asio::buffer(into), use_awaitable);
    co_return count;
  }

  asio::awaitable<void> write(asio::const_buffer bytes) override {
    co_await stream_.async_write(asio::buffer(bytes), use_awaitable);
  }

  asio::awaitable<void> close() override {
    stream_.set_option(timeouts(kGoodbyeTimeout));
    co_await stream_.async_close(websocket::close_code::normal, use_awaitable);
  }

  void cut() noexcept override {
    cut_ = true;
    resolver_.cancel();
    tcp().close();
  }

 private:
  beast::tcp_stream& tcp() noexcept { return beast::get_lowest_layer(stream_); }

  /// Only of the opening and the closing handshake: whether the broker still lives is for MQTT's keepalive to find out.
  static websocket::stream_base::timeout timeouts(std::chrono::seconds handshake) {
    return {handshake, websocket::stream_base::none(), false};
  }

  asio::awaitable<void> connect() {
    error_code no_address;
    const auto address = asio::ip::make_address(url_.host, no_address);
    if (!no_address) {
      // Without the resolver, which would start a thread for a number.
      tcp().expires_after(step_timeout_);
      co_return co_await tcp().async_connect(asio::ip::tcp::endpoint(address, url_.port), use_awaitable);
    }
    const auto found = co_await resolver_.async_resolve(url_.host, std::to_string(url_.port), use_awaitable);
    if (cut_) throw system_error(asio::error::operation_aborted);  // the answer came just before
    tcp().expires_after(step_timeout_);
    co_await tcp().async_connect(found, use_awaitable);
  }

  asio::awaitable<void> upgrade() {
    stream_.set_option(timeouts(step_timeout_));
    stream_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
      request.set(beast::http::field::sec_websocket_protocol, "mqtt");
      request.set(beast::http::field::user_agent, "clawbridge");
    }));
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.write_buffer_bytes(kTlsRecordBytes);
    stream_.read_message_max(0);  // read in pieces of our own size, so that no message is too large
    websocket::response_type response;
    error_code error;
    co_await stream_.async_handshake(response, host_and_port(url_), url_.path,
                                     asio::redirect_error(use_awaitable, error));
    if (error == websocket::error::upgrade_declined) throw std::runtime_error(refusal(response, url_));
    if (error) throw system_error(error);
  }

  asio::io_context& io_;
  const BrokerUrl url_;
  const std::chrono::seconds step_timeout_;
  [[no_unique_address]] Context tls_;
  websocket::stream<Next, false> stream_;  // MQTT over WebSockets knows no permessage-deflate; its code is large
  asio::ip::tcp::resolver resolver_{io_};
  bool cut_ = false;
};

}  // namespace

std::unique_ptr<WebSocket> make_websocket(asio::io_context& io, const BrokerUrl& url, const Settings& settings) {
  if (url.tls) return std::make_unique<WebSocketOver<Secure>>(io, url, settings);
  return std::make_unique<WebSocketOver<Plain>>(io, url, settings);
}

}  // namespace clawbridge::mqtt
