#include "bridge/api/server.h"

#include <unistd.h>

#include <algorithm>
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
              " local connections open, its limit; close some or try again later",
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
  const std::string bytes = http_head(answer.status, answer.body.size(), false) + answer.body;
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(bytes), ignored);
}

}  // namespace

Server::Server(asio::io_context& io, Settings settings, core::Service& service)
    : io_(io),
      settings_(std::move(settings)),
      routes_(service),
      file_(io),
      watch_timer_(io),
      accept_timer_(io),
      stop_timer_(io) {}

Server::~Server() {
  for (const auto& [key, connection] : connections_) connection->close();
}

void Server::start() {
  file_.open(settings_.socket_path);
  accept();
}

void Server::accept() {
  file_.acceptor().async_accept([this](error_code failure, Connection::Socket socket) {
    // Aborted: stop() or the destructor closed the acceptor, and `this` may be gone.
    if (failure != asio::error::operation_aborted) on_accept(failure, std::move(socket));
  });
}

void Server::on_accept(error_code failure, Connection::Socket socket) {
  if (!file_.acceptor().is_open()) return;
  if (!failure) {
    admit(std::move(socket));
    return accept();
  }
  accept_timer_.expires_after(kAcceptPause);
  accept_timer_.async_wait([this](error_code cancelled) {
    if (!cancelled) accept();
  });
}

void Server::admit(Connection::Socket socket) {
  if (connections_.size() >= settings_.connections_max)
    return turn_away(socket, error_answer(too_many(settings_.connections_max)));
  const bool welcome = is_welcome(peer_user(socket.native_handle()), geteuid());
  auto connection = std::make_shared<Connection>(std::move(socket), routes_, settings_.connection,
                                                 [this](Connection* ended) { forget(ended); });
  connections_.emplace(connection.get(), connection);
  if (connections_.size() == 1) watch_time();
  if (welcome) return connection->start();
  connection->start_refusal(error_answer(not_welcome()));
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
  const auto shortest = std::min(settings_.connection.idle_max, settings_.connection.pause_max);
  watch_timer_.expires_after(std::clamp(shortest / 4, kWatchMin, kWatchMax));
  watch_timer_.async_wait([this](error_code cancelled) {
    if (cancelled) return;
    const auto now = std::chrono::steady_clock::now();
    for (const auto& connection : all()) connection->check_time(now);
    if (!connections_.empty()) watch_time();
  });
}

void Server::stop(std::chrono::milliseconds grace, std::function<void()> stopped) {
  file_.close();
  accept_timer_.cancel();
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
