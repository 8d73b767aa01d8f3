#include "tests/bench/http_path.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <stdexcept>

#include "bridge/runtime/asio.h"

namespace clawbridge::bench {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Socket = asio::local::stream_protocol::socket;

constexpr std::size_t kAnswerBytesMax = std::size_t{16} << 20;

struct Run {
  Load load;
  std::size_t started = 0;
  Measurement result;
};

std::string agent_of(std::size_t connection, std::size_t agents) {
  const std::size_t number = connection % agents;
  return number == 0 ? "jarvis" : "jarvis" + std::to_string(number);
}

void check(const http::response<http::string_body>& answer, std::size_t bytes) {
  const std::string& body = answer.body();
  if (answer.result() != http::status::ok || body.find(R"("status":"ok")") == std::string::npos ||
      body.size() < bytes) {
    throw std::runtime_error("the bridge answered " + std::to_string(answer.result_int()) + " " + body.substr(0, 300));
  }
}

asio::awaitable<void> converse(std::string socket, http::request<http::string_body> request, Run& run) {
  Socket stream(co_await asio::this_coro::executor);
  co_await stream.async_connect(asio::local::stream_protocol::endpoint(socket), asio::use_awaitable);
  beast::flat_buffer buffer(kAnswerBytesMax);
  while (run.started < run.load.count) {
    ++run.started;
    const auto begin = Clock::now();
    co_await http::async_write(stream, request, asio::use_awaitable);
    http::response_parser<http::string_body> parser;
    parser.body_limit(kAnswerBytesMax);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    run.result.latencies_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    check(parser.get(), run.load.bytes);
  }
}

http::request<http::string_body> request_for(const Target& target, std::size_t connection, std::size_t bytes) {
  http::request<http::string_body> request(http::verb::post, "/v1/tools/sessions_send", 11);
  request.set(http::field::host, "localhost");
  request.set(http::field::content_type, "application/json");
  request.body() = R"({"gateway":")" + target.gateway + R"(","agentId":")" + agent_of(connection, target.agents) +
                   R"(","message":")" + std::string(bytes, 'x') + R"("})";
  request.prepare_payload();
  return request;
}

}  // namespace

Measurement ask(const Target& target, const Load& load) {
  asio::io_context io(1);
  Run run{.load = load, .started = 0, .result = {}};
  run.result.latencies_us.reserve(load.count);
  std::exception_ptr failure;
  const auto begin = Clock::now();
  for (std::size_t connection = 0; connection < load.in_flight; ++connection) {
    asio::co_spawn(io, converse(target.socket, request_for(target, connection, load.bytes), run),
                   [&](std::exception_ptr thrown) {
                     if (thrown && !failure) failure = thrown;
                     if (thrown) io.stop();
                   });
  }
  io.run();
  if (failure) std::rethrow_exception(failure);
  run.result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return run.result;
}

}  // namespace clawbridge::bench
