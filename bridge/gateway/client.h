// A long-lived connection to an OpenClaw gateway: connects, authenticates, matches responses to requests, notices a
// dead peer, and connects again, for as long as it is not stopped.
//
//   waiting ──delay──▶ connecting ──hello──▶ up ──lost──▶ waiting
//                          └──failed or refused──▶ waiting (a refusal that only a person can mend waits a minute)
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "bridge/gateway/frames.h"
#include "bridge/gateway/socket.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::gateway {

struct ClientSettings {
  std::string url;      // ws://host:port or wss://host:port
  std::string token;    // of the gateway: gateway.auth.token in its own settings
  std::string ca_file;  // for wss: PEM certificates to trust instead of the system's
  std::string bridge_version;
  std::chrono::milliseconds reconnect_delay_min{1'000};
  std::chrono::milliseconds reconnect_delay_max{30'000};
  std::chrono::milliseconds refused_delay{60'000};  // after a refusal that will not pass by itself
};

/// How a request ended.
enum class CallResult {
  Answered,  // there is a response
  NotSent,   // the connection ended before one byte of it was written
  Lost,      // the connection ended; whether the gateway has it is unknown
};

/// All on the io thread. Owned by shared_ptr: its coroutines keep it alive until they end, soon after stop().
class Client : public std::enable_shared_from_this<Client> {
 public:
  struct Listener {
    std::function<void(const Hello&, std::chrono::milliseconds took)> up;  // took: from our request to its answer
    std::function<void(std::string reason)> down;  // also for each failed attempt; before the open requests are told
    std::function<void()> tick;
    std::function<void(const AgentEvent&)> agent_event = nullptr;  // may be left out
  };
  /// Gets the response, or null with NotSent or Lost. Returns true when another response is to come.
  using Handler = std::function<bool(CallResult, const Response*)>;

  Client(asio::io_context& io, ClientSettings settings);

  void start(Listener listener);
  /// Closes. Calls no handler and no listener afterwards.
  void stop();

  [[nodiscard]] bool is_up() const { return up_; }
  /// Sends a request. When not up, `handler` is called with NotSent, later.
  void call(std::string_view method, const nlohmann::json& params, Handler handler);
  /// The same for a coroutine and a single response; Answered exactly when the response is set.
  struct Answer {
    CallResult result = CallResult::Lost;
    Response response;
  };
  asio::awaitable<Answer> ask(std::string method, nlohmann::json params);
  [[nodiscard]] bool is_stopped() const { return stopped_; }

 private:
  struct Call {
    Handler handler;
    bool written = false;  // at least begun
  };
  struct Outgoing {
    std::uint64_t id = 0;
    std::string text;
  };
  // Why a connection attempt failed, and whether only a person can mend it.
  struct Refusal {
    std::string reason;
    bool lasting = false;
  };

  static asio::awaitable<void> run(std::shared_ptr<Client> self);
  static asio::awaitable<void> pump_writes(std::shared_ptr<Client> self, std::shared_ptr<Socket> socket);
  asio::awaitable<Refusal> connect_and_serve(Url url);
  struct Handshake {
    Hello hello;
    std::chrono::milliseconds took{0};
  };
  asio::awaitable<Handshake> handshake(Socket& socket);
  asio::awaitable<void> serve(std::shared_ptr<Socket> socket);
  void take_response(const Response& response);
  void end_calls();
  [[nodiscard]] Refusal explain(const Failure& failure) const;
  [[nodiscard]] std::string lost_reason(const boost::system::system_error& error, const Socket* socket,
                                        bool was_up) const;
  std::chrono::milliseconds next_delay(bool lasting);

  asio::io_context& io_;
  const ClientSettings settings_;
  Listener listener_;
  asio::steady_timer delay_timer_;
  std::minstd_rand jitter_{std::random_device{}()};
  std::chrono::milliseconds delay_;
  std::shared_ptr<Socket> socket_;  // of the attempt or connection under way
  bool up_ = false;
  bool stopped_ = false;
  bool shutting_down_ = false;  // the gateway said so; running turns may still end
  bool writing_ = false;
  std::uint64_t payload_bytes_max_ = 0;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Call> calls_;  // the core limits the runs, recovery asks one thing at a time per run
  std::deque<Outgoing> outgoing_;
};

}  // namespace clawbridge::gateway
