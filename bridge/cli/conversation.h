// One request to the daemon and its answer, on an io_context of the caller's: several may be under way at once.
#pragma once

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "bridge/cli/client.h"
#include "bridge/cli/failure.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::cli {

struct Order {
  std::string method;              // GET, POST
  std::string target;
  std::string body;
  Caller caller;
  std::chrono::milliseconds wait;  // how long the daemon itself may take
  bool streamed = false;           // the answer of a tool is to come as events
  std::chrono::milliseconds slack = std::chrono::seconds{15};  // beyond its wait
  // Set: the answer is an endless stream, whose events are seen by name. It has no limit of time, and ends as a Failure.
  std::function<void(const std::string& name, const nlohmann::json& data)> see{};
  std::function<void()> opened{};  // the stream has begun
};

/// How it ended.
using Ended = std::variant<DaemonAnswer, Failure>;

class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  using Tell = std::function<void(const std::string&)>;

  /// `progress`: called with the text so far, of a streamed answer; may be empty. `ended`: called once, later.
  static std::shared_ptr<Conversation> begin(asio::io_context& io, std::string socket_path, Order order, Tell progress,
                                             std::function<void(Ended)> ended);

  /// Hangs up: nothing more is told.
  void abandon();
  /// Whether anything may have reached the daemon.
  [[nodiscard]] bool connected() const { return connected_; }

 private:
  using Stream = boost::beast::basic_stream<asio::local::stream_protocol>;
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

  Conversation(asio::io_context& io, std::string socket_path, Order order, Tell progress, std::function<void(Ended)> ended);
  void start();
  void read();
  void take_events();
  [[nodiscard]] Ended whole_answer();
  void end(Ended ended);
  [[nodiscard]] Failure unreachable(const std::string& why) const;
  [[nodiscard]] Failure silent(const std::string& why) const;
  [[nodiscard]] Ended parsed(std::string text) const;

  Stream stream_;
  const std::string path_;
  const std::chrono::milliseconds limit_;
  Request request_;
  boost::beast::flat_buffer buffer_;
  Parser parser_;
  Tell progress_;
  std::function<void(const std::string&, const nlohmann::json&)> see_;
  std::function<void()> opened_;
  std::function<void(Ended)> ended_;
  bool connected_ = false;
};

}  // namespace clawbridge::cli
