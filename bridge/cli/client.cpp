#include "bridge/cli/client.h"

#include <sys/un.h>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>

#include "bridge/runtime/asio.h"

namespace clawbridge::cli {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using Stream = boost::beast::basic_stream<asio::local::stream_protocol>;
using nlohmann::json;

constexpr std::chrono::seconds kSlack{15};                 // beyond the daemon's own wait
constexpr std::size_t kAnswerBytesMax = 64 * 1024 * 1024;  // a message may be listed with its reply
constexpr std::size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

[[noreturn]] void unreachable(const std::string& path, const std::string& why) {
  throw Failure(ExitCode::Unreachable, "gateway_down",
                "cannot reach the clawbridge daemon at \"" + path + "\": " + why +
                    "; start it with `clawbridge run`, or name its socket with --socket or --config",
                true);
}

[[noreturn]] void silent(const std::string& path, const std::string& why) {
  throw Failure(ExitCode::Unreachable, "gateway_down",
                "the clawbridge daemon at \"" + path + "\" gave no answer: " + why +
                    "; see its log, and `clawbridge exchange list` for what it has accepted",
                true);
}

using Request = http::request<http::string_body>;
using Parser = http::response_parser<http::string_body>;

/// One request on a connection of its own, its answer into `parser`. `heard` is called whenever more of it has come.
void converse(const std::string& path, Request& request, std::chrono::milliseconds limit, Parser& parser,
              const std::function<void()>& heard) {
  if (path.size() > kPathBytesMax) unreachable(path, "the path is too long for a Unix socket");
  asio::io_context io;
  Stream stream(io);
  error_code failure;
  stream.socket().connect(asio::local::stream_protocol::endpoint(path), failure);
  if (failure) unreachable(path, failure.message());

  stream.expires_after(limit);
  // A daemon that turns a request away may close before it has read all of it: its answer is there all the same.
  http::async_write(stream, request, [](error_code, std::size_t) {});
  boost::beast::flat_buffer buffer;
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // what is kept of it is what counts
  const auto read = [&] {
    http::async_read_some(stream, buffer, parser, [&failure](error_code ended, std::size_t) { failure = ended; });
    io.restart();
    io.run();
  };
  while (!failure && !parser.is_done()) {
    read();
    if (!failure) heard();
    if (parser.get().body().size() > kAnswerBytesMax) failure = http::error::body_limit;
  }
  if (failure) silent(path, failure.message());
}

void address(Request& request, http::verb method, const std::string& target, const Caller& caller) {
  request.method(method);
  request.target(target);
  request.version(11);
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (!caller.agent.empty()) request.set("X-Claw-Agent", caller.agent);
  if (!caller.session.empty()) request.set("X-Claw-Session", caller.session);
  request.prepare_payload();
}

[[noreturn]] void refused(const json& answer, unsigned status) {
  const json error = answer.value("error", json::object());
  const std::string code = error.value("code", "internal");
  throw Failure(exit_code_of_error(code), code,
                error.value("message", "the daemon refused with HTTP status " + std::to_string(status)), error.value("retryable", false));
}

DaemonAnswer parsed(const std::string& path, std::string text) {
  DaemonAnswer answer{std::move(text), {}};
  answer.json = json::parse(answer.text, nullptr, false);
  if (!answer.json.is_object()) silent(path, "it is no JSON object; is that the socket of clawbridge?");
  return answer;
}

DaemonAnswer ask(const std::string& path, Request& request, std::chrono::milliseconds wait) {
  Parser parser;
  converse(path, request, wait + kSlack, parser, [] {});
  auto answer = parsed(path, std::move(parser.get().body()));
  if (parser.get().result_int() >= 300) refused(answer.json, parser.get().result_int());
  return answer;
}

/// The next whole event of the stream, cut off its front: its name and its data. Nothing when it is not whole yet.
std::optional<std::pair<std::string, std::string>> take_event(std::string& text) {
  const auto end = text.find("\n\n");
  if (end == std::string::npos) return std::nullopt;
  std::pair<std::string, std::string> event;
  std::istringstream lines(text.substr(0, end));
  text.erase(0, end + 2);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("event: ")) event.first = line.substr(7);
    if (line.starts_with("data: ")) event.second = line.substr(6);
  }
  return event;
}

}  // namespace

DaemonAnswer Client::get(const std::string& target, std::chrono::milliseconds wait) {
  Request request;
  address(request, http::verb::get, target, {});
  return ask(socket_path_, request, wait);
}

DaemonAnswer Client::post(const std::string& target, std::string body, std::chrono::milliseconds wait, const Caller& caller) {
  Request request;
  request.body() = std::move(body);
  address(request, http::verb::post, target, caller);
  return ask(socket_path_, request, wait);
}

DaemonAnswer Client::stream(const std::string& target, std::string body, std::chrono::milliseconds wait, const Caller& caller,
                            const std::function<void(const std::string&)>& progress) {
  Request request;
  request.set(http::field::accept, "text/event-stream");
  request.body() = std::move(body);
  address(request, http::verb::post, target, caller);
  std::optional<DaemonAnswer> last;
  Parser parser;
  converse(socket_path_, request, wait + kSlack, parser, [&] {
    if (parser.get()[http::field::content_type] != "text/event-stream") return;
    while (const auto event = take_event(parser.get().body())) {
      const auto& [name, data] = *event;
      if (data.empty()) continue;
      auto answer = parsed(socket_path_, data);
      if (name == "progress") progress(answer.json.value("text", ""));
      if (name == "error") refused(answer.json, 500);
      if (name == "result") last = std::move(answer);
    }
  });
  if (last) return std::move(*last);
  if (parser.get().result_int() < 300) silent(socket_path_, "it ended its answer before the result");
  refused(parsed(socket_path_, std::move(parser.get().body())).json, parser.get().result_int());
}

}  // namespace clawbridge::cli
