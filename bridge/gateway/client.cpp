#include "bridge/gateway/client.h"

#include <algorithm>
#include <boost/beast/core/error.hpp>
#include <boost/beast/websocket/error.hpp>
#include <charconv>
#include <exception>
#include <utility>

namespace clawbridge::gateway {

using asio::use_awaitable;
using boost::system::error_code;
using boost::system::system_error;

namespace {

constexpr std::string_view kConnectId = "connect";
constexpr std::chrono::seconds kHandshakeTimeout{20};  // 2026.9 takes its time when it has just started

// Thrown inside the client only: the gateway answered `connect` with a failure.
struct ConnectRefused : std::exception {
  explicit ConnectRefused(Failure f) : failure(std::move(f)) {}
  Failure failure;
};

std::uint64_t parse_id(std::string_view text) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc{} && end == text.data() + text.size() ? id : 0;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

Client::Client(asio::io_context& io, ClientSettings settings)
    : io_(io), settings_(std::move(settings)), delay_timer_(io), delay_(settings_.reconnect_delay_min) {}

void Client::start(Listener listener) {
  listener_ = std::move(listener);
  asio::co_spawn(io_, run(shared_from_this()), [self = shared_from_this()](std::exception_ptr error) {
    if (error && !self->stopped_)
      self->listener_.down(
          "the connection to the OpenClaw gateway ended for good by an internal error; restart clawbridge");
  });
}

void Client::stop() {
  stopped_ = true;
  up_ = false;
  calls_.clear();
  outgoing_.clear();
  delay_timer_.cancel();
  if (socket_) socket_->close();
}

void Client::call(std::string_view method, const nlohmann::json& params, Handler handler) {
  const auto id = next_id_++;
  if (!up_) {
    asio::post(io_, [self = shared_from_this(), handler = std::move(handler)] {
      if (!self->stopped_) handler(CallResult::NotSent, nullptr);
    });
    return;
  }
  auto text = encode_request(std::to_string(id), method, params);
  if (text.size() > payload_bytes_max_) {
    // The gateway would close the connection without saying why.
    Response refused{.id = {},
                     .ok = false,
                     .payload = {},
                     .failure = {"INVALID_REQUEST",
                                 {},
                                 "the request has " + std::to_string(text.size()) + " bytes, the gateway takes " +
                                     std::to_string(payload_bytes_max_)}};
    asio::post(io_, [self = shared_from_this(), handler = std::move(handler), refused = std::move(refused)] {
      if (!self->stopped_) handler(CallResult::Answered, &refused);
    });
    return;
  }
  calls_.emplace(id, Call{std::move(handler)});
  outgoing_.push_back({id, std::move(text)});
  if (writing_) return;
  writing_ = true;
  // A failed write ends the connection, which the reading side notices and reports.
  asio::co_spawn(io_, pump_writes(shared_from_this(), socket_), [socket = socket_](std::exception_ptr error) {
    if (error) socket->close();
  });
}

asio::awaitable<Client::Answer> Client::ask(std::string method, nlohmann::json params) {
  // The timer never expires by itself. It is cancelled when the handler has been called, or dropped by stop().
  struct Waiting {
    explicit Waiting(asio::io_context& io) : timer(io, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;
    bool done = false;
    Answer answer;
  };
  struct Wake {
    explicit Wake(std::shared_ptr<Waiting> w) : waiting(std::move(w)) {}
    ~Wake() {
      waiting->done = true;
      waiting->timer.cancel();
    }
    Wake(const Wake&) = delete;
    Wake& operator=(const Wake&) = delete;
    std::shared_ptr<Waiting> waiting;
  };
  const auto waiting = std::make_shared<Waiting>(io_);
  call(method, params, [wake = std::make_shared<Wake>(waiting)](CallResult result, const Response* response) {
    wake->waiting->answer.result = result;
    if (response != nullptr) wake->waiting->answer.response = *response;
    return false;
  });
  if (!waiting->done) {
    error_code ignored;
    co_await waiting->timer.async_wait(asio::redirect_error(use_awaitable, ignored));
  }
  co_return std::move(waiting->answer);
}

asio::awaitable<void> Client::run(std::shared_ptr<Client> self) {
  const auto url = parse_url(self->settings_.url);
  if (!url) {
    self->listener_.down("gateway.url \"" + self->settings_.url +
                         "\" is no gateway address: write ws://host:port or wss://host:port");
    co_return;
  }
  while (!self->stopped_) {
    const auto refusal = co_await self->connect_and_serve(*url);
    self->socket_.reset();  // with its timers, which would keep the io_context busy
    if (self->stopped_) co_return;
    self->listener_.down(refusal.reason);
    self->end_calls();
    if (self->stopped_) co_return;
    self->delay_timer_.expires_after(self->next_delay(refusal.lasting));
    error_code ignored;
    co_await self->delay_timer_.async_wait(asio::redirect_error(use_awaitable, ignored));
  }
}

// Returns when the connection has ended, with the reason.
asio::awaitable<Client::Refusal> Client::connect_and_serve(Url url) {
  const auto was_up = [this] { return std::exchange(up_, false); };
  try {
    socket_ = make_socket(io_, url, settings_.ca_file);
    const auto socket = socket_;
    co_await socket->open();
    const auto [hello, took] = co_await handshake(*socket);
    if (stopped_) co_return Refusal{};
    if (!hello.may_read_and_write()) {
      socket->close();
      co_return Refusal{"the OpenClaw gateway at " + settings_.url +
                            " let us in without operator.read and operator.write: give clawbridge the gateway's shared "
                            "token (gateway.token)",
                        true};
    }
    socket->set_idle_timeout(2 * hello.tick_interval + std::chrono::seconds(5));
    delay_ = settings_.reconnect_delay_min;
    payload_bytes_max_ = hello.payload_bytes_max;
    shutting_down_ = false;
    up_ = true;
    listener_.up(hello, took);
    co_await serve(socket);
  } catch (const ConnectRefused& refused) {
    socket_->close();
    co_return explain(refused.failure);
  } catch (const system_error& error) {
    const auto reason = lost_reason(error, socket_.get(), was_up());
    if (socket_) socket_->close();
    co_return Refusal{reason, false};
  }
  co_return Refusal{};
}

asio::awaitable<Client::Handshake> Client::handshake(Socket& socket) {
  socket.set_idle_timeout(kHandshakeTimeout);
  auto asked = std::chrono::steady_clock::now();
  while (true) {
    const auto frame = decode_frame(co_await socket.read());
    if (std::holds_alternative<Challenge>(frame)) {
      const auto request =
          encode_request(std::string(kConnectId), "connect", connect_params(settings_.token, settings_.bridge_version));
      asked = std::chrono::steady_clock::now();
      co_await socket.write(request);
    } else if (const auto* response = std::get_if<Response>(&frame)) {
      if (!response->ok) throw ConnectRefused(response->failure);
      co_return Handshake{decode_hello(*response),
                          std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - asked)};
    }
  }
}

asio::awaitable<void> Client::serve(std::shared_ptr<Socket> socket) {
  while (!stopped_) {
    const auto frame = decode_frame(co_await socket->read());
    if (stopped_) co_return;
    if (const auto* response = std::get_if<Response>(&frame)) {
      take_response(*response);
    } else if (const auto* event = std::get_if<AgentEvent>(&frame)) {
      if (listener_.agent_event) listener_.agent_event(*event);
    } else if (std::holds_alternative<Tick>(frame)) {
      listener_.tick();
    } else if (std::holds_alternative<ShuttingDown>(frame)) {
      shutting_down_ = true;
    }
  }
}

asio::awaitable<void> Client::pump_writes(std::shared_ptr<Client> self, std::shared_ptr<Socket> socket) {
  while (self->up_ && self->socket_ == socket && !self->outgoing_.empty()) {
    const Outgoing next = std::move(self->outgoing_.front());
    self->outgoing_.pop_front();
    if (const auto call = self->calls_.find(next.id); call != self->calls_.end()) call->second.written = true;
    co_await socket->write(next.text);
  }
  if (self->socket_ == socket) self->writing_ = false;
}

void Client::take_response(const Response& response) {
  const auto found = calls_.find(parse_id(response.id));
  if (found == calls_.end()) return;
  // The handler may call() or stop(): take the entry out while it runs.
  auto call = std::move(found->second);
  const auto id = found->first;
  calls_.erase(found);
  if (call.handler(CallResult::Answered, &response) && up_) calls_.emplace(id, std::move(call));
}

void Client::end_calls() {
  writing_ = false;
  outgoing_.clear();
  for (auto& [id, call] : std::exchange(calls_, {})) {
    if (stopped_) return;
    call.handler(call.written ? CallResult::Lost : CallResult::NotSent, nullptr);
  }
}

Client::Refusal Client::explain(const Failure& failure) const {
  const std::string at = "the OpenClaw gateway at " + settings_.url;
  const std::string what =
      " (" + (failure.detail_code.empty() ? failure.code : failure.detail_code) + ": " + failure.message + ")";
  if (contains(failure.detail_code, "TOKEN") || contains(failure.detail_code, "PASSWORD") ||
      failure.code == "NOT_PAIRED") {
    const std::string remedy = settings_.token.empty()
                                   ? "set gateway.token to the gateway's gateway.auth.token"
                                   : "gateway.token is not the gateway's gateway.auth.token: correct it";
    return {at + " refused the connection" + what + ": " + remedy, true};
  }
  if (failure.detail_code == "PROTOCOL_MISMATCH" || contains(failure.message, "protocol mismatch")) {
    return {at + " speaks another protocol than versions 3 and 4" + what + ": upgrade clawbridge or the gateway", true};
  }
  if (failure.code == "UNAVAILABLE") return {at + " is still starting" + what, false};
  return {at + " refused the connection" + what,
          failure.detail_code.starts_with("AUTH_") || failure.detail_code.starts_with("DEVICE_")};
}

std::string Client::lost_reason(const system_error& error, const Socket* socket, bool was_up) const {
  const auto closed = socket == nullptr ? std::string() : socket->close_reason();
  if (was_up) {
    const std::string start = "lost the connection to the OpenClaw gateway at " + settings_.url + ": ";
    if (shutting_down_ || closed.starts_with("1012"))
      return start + "it is stopping or restarting" + (closed.empty() ? "" : " (" + closed + ")");
    if (error.code() == boost::beast::error::timeout) return start + "it went silent";
    return start + (closed.empty() ? error.code().message() : closed);
  }
  const std::string start = "cannot connect to the OpenClaw gateway at " + settings_.url + ": ";
  if (error.code() == boost::beast::websocket::error::upgrade_declined) {
    return start + "it answered " + error.what() +
           "; check that gateway.url is the gateway's own port, without a proxy";
  }
  if (socket == nullptr)
    return start + "cannot read the certificates of " + settings_.ca_file + ": " + error.code().message();
  if (contains(error.code().message(), "certificate")) {
    return start + error.code().message() +
           "; the host name in gateway.url must be the certificate's, and its issuer known";
  }
  const auto what = closed.empty() ? error.code().message() : "closed by the gateway: " + closed;
  return start + what + "; check that it runs, and gateway.url";
}

std::chrono::milliseconds Client::next_delay(bool lasting) {
  // Up to a fifth less, so that bridges do not return in step.
  const auto base = lasting ? settings_.refused_delay : delay_;
  if (!lasting) delay_ = std::min(delay_ * 2, settings_.reconnect_delay_max);
  const auto spread = base.count() / 5;
  if (spread <= 0) return base;
  return base - std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, spread)(jitter_));
}

}  // namespace clawbridge::gateway
