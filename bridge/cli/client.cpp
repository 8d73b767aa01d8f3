#include "bridge/cli/client.h"

#include <sys/un.h>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

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

/// One exchange of request and answer on a connection of its own.
http::response<http::string_body> converse(const std::string& path, http::request<http::string_body>& request,
                                           std::chrono::milliseconds limit) {
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
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  http::async_read(stream, buffer, parser, [&failure](error_code ended, std::size_t) { failure = ended; });
  io.run();
  if (failure) silent(path, failure.message());
  return parser.release();
}

DaemonAnswer ask(const std::string& path, http::request<http::string_body> request, std::chrono::milliseconds wait,
                 const std::string& agent) {
  request.version(11);
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (!agent.empty()) request.set("X-Claw-Agent", agent);
  request.prepare_payload();
  auto response = converse(path, request, wait + kSlack);
  DaemonAnswer answer{std::move(response.body()), {}};
  answer.json = json::parse(answer.text, nullptr, false);
  if (!answer.json.is_object()) silent(path, "it is no JSON object; is that the socket of clawbridge?");
  if (response.result_int() < 300) return answer;
  const json error = answer.json.value("error", json::object());
  const std::string code = error.value("code", "internal");
  throw Failure(exit_code_of_error(code), code,
                error.value("message", "the daemon refused with HTTP status " + std::to_string(response.result_int())),
                error.value("retryable", false));
}

}  // namespace

DaemonAnswer Client::get(const std::string& target, std::chrono::milliseconds wait) {
  http::request<http::string_body> request;
  request.method(http::verb::get);
  request.target(target);
  return ask(socket_path_, std::move(request), wait, {});
}

DaemonAnswer Client::post(const std::string& target, std::string body, std::chrono::milliseconds wait,
                          const std::string& agent) {
  http::request<http::string_body> request;
  request.method(http::verb::post);
  request.target(target);
  request.body() = std::move(body);
  return ask(socket_path_, std::move(request), wait, agent);
}

}  // namespace clawbridge::cli
