// A server with a service that the test plays, and callers over real sockets. Server and callers share one io_context
// and one thread, so that a test runs until what it waits for has happened and never sleeps.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bridge/api/server.h"
#include "bridge/crypto/system_cryptography.h"
#include "scripted_host.h"
#include "scripted_service.h"
#include "temporary_directory.h"

namespace clawbridge::api {

using nlohmann::json;

inline constexpr const char* kId = "01KANYZ2Q6S7C0J5X4M3T8W9B1";

struct Received {
  int status = 0;
  std::string head;
  std::string body;
  [[nodiscard]] json parsed() const { return json::parse(body); }
};

/// One caller: sends bytes, and collects the answers that come.
class TestCaller {
 public:
  TestCaller(asio::io_context& io, const std::string& path)
      : TestCaller(io, Connection::Socket::endpoint_type(asio::local::stream_protocol::endpoint(path))) {}
  TestCaller(asio::io_context& io, const asio::ip::tcp::endpoint& endpoint)
      : TestCaller(io, Connection::Socket::endpoint_type(endpoint)) {}
  ~TestCaller() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  void send(std::string bytes) {
    auto kept = std::make_shared<std::string>(std::move(bytes));
    asio::async_write(socket_, asio::buffer(*kept), [kept](boost::system::error_code, std::size_t) {});
  }
  void hang_up() { socket_.close(); }

  std::vector<Received> answers;
  std::string heard;  // every byte
  bool ended = false;

 private:
  TestCaller(asio::io_context& io, const Connection::Socket::endpoint_type& endpoint) : socket_(io) {
    socket_.connect(endpoint);
    read();
  }
  void read() {
    const auto on_read = [this, alive = std::weak_ptr(alive_)](boost::system::error_code failure, std::size_t bytes) {
      if (alive.expired() || failure == asio::error::operation_aborted) return;
      if (failure) {
        ended = true;
        return;
      }
      text_.append(chunk_.data(), bytes);
      heard.append(chunk_.data(), bytes);
      while (take_answer()) {
      }
      read();
    };
    socket_.async_read_some(asio::buffer(chunk_), on_read);
  }
  bool take_answer() {
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t head_end = text_.find("\r\n\r\n");
    if (head_end == std::string::npos) return false;
    Received next;
    next.head = text_.substr(0, head_end + 4);
    next.status = std::stoi(next.head.substr(9, 3));
    if (next.head.find("Transfer-Encoding: chunked") != std::string::npos) return take_chunks(std::move(next));
    const std::size_t length_at = next.head.find(kLength);
    const std::size_t length =
        length_at == std::string::npos ? 0 : std::stoul(next.head.substr(length_at + kLength.size()));
    if (text_.size() < head_end + 4 + length) return false;
    next.body = text_.substr(head_end + 4, length);
    text_.erase(0, head_end + 4 + length);
    answers.push_back(std::move(next));
    return true;
  }

  /// An answer in chunks, once the last one is there.
  bool take_chunks(Received next) {
    std::size_t at = next.head.size();
    while (true) {
      const std::size_t line = text_.find("\r\n", at);
      if (line == std::string::npos) return false;
      const std::size_t length = std::stoul(text_.substr(at, line - at), nullptr, 16);
      if (text_.size() < line + 4 + length) return false;
      next.body += text_.substr(line + 2, length);
      at = line + 4 + length;
      if (length == 0) break;
    }
    text_.erase(0, at);
    answers.push_back(std::move(next));
    return true;
  }

  const std::shared_ptr<bool> alive_ = std::make_shared<bool>();  // an end that was read may wait when this one goes
  Connection::Socket socket_;
  std::array<char, 65536> chunk_{};
  std::string text_;
};

inline std::string get(const std::string& target, const std::string& headers = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}
inline std::string post(const std::string& target, const std::string& body, const std::string& headers = {}) {
  return "POST " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
inline std::string send_request(const std::string& text = "hi") {
  return post("/v1/tools/sessions_send", json{{"message", text}}.dump());
}

inline core::ExchangeView view(const std::string& status, std::optional<std::string> reply = {}) {
  core::ExchangeView result;
  result.correlation_id = kId;
  result.status = status;
  result.reply = std::move(reply);
  return result;
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() { settings_.socket_path = directory_.path("a.sock"); }
  ~ServerTest() override { io_.stop(); }

  void start() {
    server_.emplace(io_, settings_, service_, host_, cryptography_, [this](const core::action::Note& note) {
      for (const auto& [name, value] : note.fields) reports_ += value + "\n";
    });
    server_->start();
  }
  template <class Condition>
  void run_until(Condition condition) {
    while (!condition()) ASSERT_GT(io_.run_one(), 0U) << "nothing is left to happen";
  }
  /// Starts the server if need be, sends on a connection of its own, and waits for the one answer.
  Received ask(const std::string& request) {
    if (!server_) start();
    TestCaller caller(io_, settings_.socket_path);
    caller.send(request);
    run_until([&] { return !caller.answers.empty(); });
    return caller.answers.empty() ? Received{} : caller.answers.front();
  }
  /// Answers every send later, as the runtime does.
  void echo() {
    service_.on_send = [this](ScriptedService::Send& send) {
      asio::post(io_, [done = send.done, text = send.event.message] { done(view("ok", "echo: " + text)); });
    };
  }

  TemporaryDirectory directory_;
  asio::io_context io_;
  ScriptedService service_;
  ScriptedHost host_;
  crypto::SystemCryptography cryptography_;
  Settings settings_;
  std::string reports_;  // of those turned away
  std::optional<Server> server_;
};

}  // namespace clawbridge::api
