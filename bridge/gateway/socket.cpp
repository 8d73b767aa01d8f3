#include "bridge/gateway/socket.h"

// Beast includes Asio, which must come through the header above.
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <type_traits>
#include <utility>

namespace clawbridge::gateway {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using asio::use_awaitable;
using boost::system::error_code;
using boost::system::system_error;

namespace {

constexpr std::chrono::seconds kStepTimeout{10};
constexpr std::size_t kMessageBytesMax = std::size_t{64} << 20;

using Plain = beast::tcp_stream;
using Secure = beast::ssl_stream<beast::tcp_stream>;

std::string bracketed_host(const Url& url) {
  const bool v6 = url.host.find(':') != std::string::npos;
  return (v6 ? "[" + url.host + "]" : url.host) + ":" + url.port;
}

bool is_address(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

// The TLS context lives as long as the stream made with it.
struct Tls {
  explicit Tls(const std::string& ca_file) : context(asio::ssl::context::tls_client) {
    context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    if (ca_file.empty()) {
      context.set_default_verify_paths();
    } else {
      context.load_verify_file(ca_file);
    }
    context.set_verify_mode(asio::ssl::verify_peer);
  }
  asio::ssl::context context;
};
struct NoTls {};

template <class Next>
class SocketOver final : public Socket {
  static constexpr bool kSecure = std::is_same_v<Next, Secure>;
  using Context = std::conditional_t<kSecure, Tls, NoTls>;

 public:
  SocketOver(asio::io_context& io, Url url) requires(!kSecure) : io_(io), url_(std::move(url)), stream_(io) {}
  SocketOver(asio::io_context& io, Url url, const std::string& ca_file) requires kSecure : io_(io),
                                                                                           url_(std::move(url)),
                                                                                           tls_(ca_file),
                                                                                           stream_(io, tls_.context) {}

  asio::awaitable<void> open() override {
    co_await connect();
    if constexpr (kSecure) co_await secure();
    tcp().expires_never();  // from here on the WebSocket's own timeouts hold
    websocket::stream_base::timeout timeouts{kStepTimeout, websocket::stream_base::none(), false};
    stream_.set_option(timeouts);
    stream_.read_message_max(kMessageBytesMax);
    websocket::response_type response;
    error_code error;
    co_await stream_.async_handshake(response, bracketed_host(url_), url_.path,
                                     asio::redirect_error(use_awaitable, error));
    if (error == websocket::error::upgrade_declined) {
      const auto body = response.body().substr(0, 200);
      throw system_error(error, "HTTP " + std::to_string(response.result_int()) + (body.empty() ? "" : " " + body));
    }
    if (error) throw system_error(error);
    stream_.text(true);
  }

  asio::awaitable<std::string_view> read() override {
    buffer_.consume(buffer_.size());
    // A single huge frame (64 MiB are allowed) must not stay in memory for good.
    if (buffer_.capacity() > kBufferKept) buffer_.shrink_to_fit();
    co_await stream_.async_read(buffer_, use_awaitable);
    const auto data = buffer_.cdata();
    co_return std::string_view(static_cast<const char*>(data.data()), data.size());
  }

  asio::awaitable<void> write(std::string_view text) override {
    co_await stream_.async_write(asio::buffer(text.data(), text.size()), use_awaitable);
  }

  void set_idle_timeout(std::chrono::milliseconds timeout) override {
    stream_.set_option(websocket::stream_base::timeout{kStepTimeout, timeout, false});
  }

  void close() noexcept override {
    error_code ignored;
    resolver_.cancel();
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    tcp().close();
  }

  std::string close_reason() const override {
    const auto& reason = stream_.reason();
    if (reason.code == websocket::close_code::none) return {};
    const std::string text(reason.reason.data(), reason.reason.size());
    return std::to_string(reason.code) + (text.empty() ? "" : " " + text);
  }

 private:
  static constexpr std::size_t kBufferKept = std::size_t{1} << 20;

  beast::tcp_stream& tcp() noexcept { return beast::get_lowest_layer(stream_); }
  const beast::tcp_stream& tcp() const noexcept { return beast::get_lowest_layer(stream_); }

  asio::awaitable<void> connect() {
    if (is_address(url_.host)) {
      // Without the resolver, which would start a thread for a number.
      const auto port = static_cast<std::uint16_t>(std::stoi(url_.port));
      tcp().expires_after(kStepTimeout);
      co_await tcp().async_connect(asio::ip::tcp::endpoint(asio::ip::make_address(url_.host), port), use_awaitable);
    } else {
      const auto found = co_await resolver_.async_resolve(url_.host, url_.port, use_awaitable);
      tcp().expires_after(kStepTimeout);
      co_await tcp().async_connect(found, use_awaitable);
    }
    tcp().socket().set_option(asio::ip::tcp::no_delay(true));
  }

  asio::awaitable<void> secure() requires kSecure {
    auto& tls = stream_.next_layer();
    if (!is_address(url_.host) && SSL_set_tlsext_host_name(tls.native_handle(), url_.host.c_str()) != 1) {
      throw system_error(error_code(boost::asio::error::invalid_argument), "set the TLS server name");
    }
    tls.set_verify_callback(asio::ssl::host_name_verification(url_.host));
    tcp().expires_after(kStepTimeout);
    co_await tls.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  }

  asio::io_context& io_;
  const Url url_;
  [[no_unique_address]] Context tls_;
  websocket::stream<Next, false> stream_;  // the gateway speaks no permessage-deflate, and the code for it is large
  asio::ip::tcp::resolver resolver_{io_};
  beast::flat_buffer buffer_{kMessageBytesMax};
};

}  // namespace

std::shared_ptr<Socket> make_socket(asio::io_context& io, const Url& url, const std::string& ca_file) {
  if (url.tls) return std::make_shared<SocketOver<Secure>>(io, url, ca_file);
  return std::make_shared<SocketOver<Plain>>(io, url);
}

}  // namespace clawbridge::gateway
