#include "bridge/api/server.h"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "bridge/api/answer.h"
#include "bridge/api/peer_credentials.h"

namespace clawbridge::api {
namespace {

using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{200};  // after a failure such as too many open files
constexpr std::chrono::milliseconds kWatchMin{10};
constexpr std::chrono::milliseconds kWatchMax{5000};
constexpr std::chrono::seconds kFarewell{1};  // for the answers that a stop gives to those who still wait

Error too_many(std::size_t connections_max) {
  return {ErrorCode::Busy,
          "the daemon has " + std::to_string(connections_max) +
              " connections of this kind open, its limit; close some or try again later",
          true};
}

Error not_welcome() {
  return {ErrorCode::Forbidden,
          "only the user that runs the daemon, and root, may use its socket; run this as that user", false};
}

Error stopping() {
  return {ErrorCode::Timeout,
          "the daemon is stopping; what it has accepted goes on when it is started again (`clawbridge exchange list`)",
          false};
}

/// Answers and closes without waiting for anything, so that those turned away take up nothing.
void turn_away(Connection::Socket& socket, const Answer& answer) {
  const std::string bytes = http_head(answer, false) + answer.body;
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(bytes), ignored);
}

}  // namespace

Server::Server(asio::io_context& io, Settings settings, core::Service& service, core::Host& host,
               const core::Cryptography& cryptography, Refusals::Report report)
    : io_(io),
      settings_(std::move(settings)),
      cryptography_(cryptography),
      refusals_(std::move(report)),
      routes_(service, host, refusals_, cryptography),
      file_(io),
      tcp_(io),
      watch_timer_(io),
      unix_pause_(io),
      tcp_pause_(io),
      stop_timer_(io) {}

Server::~Server() {
  for (const auto& [key, connection] : connections_) connection->close();
}

void Server::start() {
  file_.open(settings_.socket_path);
  if (settings_.tcp) listen_on_tcp(*settings_.tcp);
  accept(file_.acceptor(), unix_pause_);
  if (settings_.tcp) accept(tcp_, tcp_pause_);
}

void Server::listen_on_tcp(const TcpSettings& tcp) {
  error_code failure;
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(tcp.address, failure), tcp.port);
  if (!failure && !endpoint.address().is_loopback()) failure = asio::error::access_denied;
  if (!failure) tcp_.open(endpoint.protocol(), failure);
  if (!failure) tcp_.set_option(asio::socket_base::reuse_address(true), failure);
  if (!failure) tcp_.bind(endpoint, failure);
  if (!failure) tcp_.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) {
    throw std::runtime_error("cannot listen on TCP port " + std::to_string(tcp.port) + " of " + tcp.address + ": " +
                             failure.message() + " (set api.listen to a free port of 127.0.0.1, or remove it)");
  }
  token_access_.emplace(tcp.tokens, tcp_.local_endpoint(), cryptography_, refusals_);
}

void Server::replace_tokens(std::vector<Token> tokens) {
  if (token_access_) token_access_->replace(std::move(tokens));
}

std::uint16_t Server::tcp_port() const {
  error_code ignored;
  return tcp_.is_open() ? tcp_.local_endpoint(ignored).port() : std::uint16_t{0};
}

template <class Acceptor>
void Server::accept(Acceptor& acceptor, asio::steady_timer& pause) {
  using Socket = typename Acceptor::protocol_type::socket;
  acceptor.async_accept([this, &acceptor, &pause](error_code failure, Socket socket) {
    // Aborted: stop() or the destructor closed the acceptor, and `this` may be gone.
    if (failure == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (!failure) {
      admit(std::move(socket));
      return accept(acceptor, pause);
    }
    pause.expires_after(kAcceptPause);
    pause.async_wait([this, &acceptor, &pause](error_code cancelled) {
      if (!cancelled) accept(acceptor, pause);
    });
  });
}

void Server::admit(UnixSocket socket) {
  const auto user = peer_user(socket.native_handle());
  const auto connection = keep(std::move(socket), socket_access_, unix_connections_, settings_.connections_max);
  if (!connection) return;
  if (is_welcome(user, geteuid())) return connection->start();
  refusals_.add("api.refused_user", "the user " + (user ? std::to_string(*user) : "unknown to the system") +
                                        " is neither the daemon's own nor root");
  connection->start_refusal(error_answer(not_welcome()));
}

void Server::admit(TcpSocket socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto connection = keep(std::move(socket), *token_access_, tcp_connections_, settings_.tcp->connections_max);
  if (connection) connection->start();
}

std::shared_ptr<Connection> Server::keep(Connection::Socket socket, Access& access, std::size_t& count,
                                         std::size_t count_max) {
  count_max = std::min(count_max, settings_.connections_max);
  if (count >= count_max || connections_.size() >= settings_.connections_max) {
    const Error error = too_many(count >= count_max ? count_max : settings_.connections_max);
    refusals_.add("api.refused_connection", error.message);
    turn_away(socket, error_answer(error));
    return nullptr;
  }
  auto connection = std::make_shared<Connection>(std::move(socket), access, routes_, settings_.connection,
                                                 [this, &count](Connection* ended) {
                                                   --count;
                                                   forget(ended);
                                                 });
  ++count;
  connections_.emplace(connection.get(), connection);
  if (connections_.size() == 1) watch_time();
  return connection;
}

void Server::forget(Connection* connection) {
  connections_.erase(connection);
  if (!connections_.empty()) return;
  watch_timer_.cancel();
  if (!stopped_) return;
  stop_timer_.cancel();
  asio::post(io_, std::exchange(stopped_, nullptr));
}

void Server::watch_time() {
  const auto& limits = settings_.connection;
  const auto shortest = std::min({limits.idle_max, limits.pause_max, limits.heartbeat});
  watch_timer_.expires_after(std::clamp(shortest / 4, kWatchMin, kWatchMax));
  watch_timer_.async_wait([this](error_code cancelled) {
    if (cancelled) return;
    const auto now = std::chrono::steady_clock::now();
    for (const auto& connection : all()) connection->check_time(now);
    if (!connections_.empty()) watch_time();
  });
}

void Server::stop(std::chrono::milliseconds grace, std::function<void()> stopped) {
  error_code ignored;
  file_.close();
  tcp_.close(ignored);
  unix_pause_.cancel();
  tcp_pause_.cancel();
  if (connections_.empty()) return asio::post(io_, std::move(stopped));
  stopped_ = std::move(stopped);
  stop_timer_.expires_after(grace);
  stop_timer_.async_wait([this](error_code cancelled) {
    if (!cancelled) give_up();
  });
  for (const auto& connection : all()) connection->finish();
}

void Server::give_up() {
  stop_timer_.expires_after(kFarewell);
  stop_timer_.async_wait([this](error_code cancelled) {
    if (!cancelled) cut_off();
  });
  for (const auto& connection : all()) connection->abandon(error_answer(503, stopping()));
}

void Server::cut_off() {
  for (const auto& connection : all()) connection->close();
  connections_.clear();
  watch_timer_.cancel();
  if (stopped_) asio::post(io_, std::exchange(stopped_, nullptr));
}

/// A copy, because a connection that closes leaves `connections_`.
std::vector<std::shared_ptr<Connection>> Server::all() const {
  std::vector<std::shared_ptr<Connection>> result;
  result.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) result.push_back(connection);
  return result;
}

}  // namespace clawbridge::api
