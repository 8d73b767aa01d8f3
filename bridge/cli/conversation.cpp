#include "bridge/cli/conversation.h"

#include <sys/un.h>

#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>
#include <sstream>
#include <utility>

namespace clawbridge::cli {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using nlohmann::json;

constexpr std::size_t kAnswerBytesMax = 64 * 1024 * 1024;  // a message may be listed with its reply
constexpr std::size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

Failure refused(const json& answer, unsigned status) {
  const json error = answer.value("error", json::object());
  const std::string code = error.value("code", "internal");
  return {exit_code_of_error(code), code, error.value("message", "the daemon refused with HTTP status " + std::to_string(status)),
          error.value("retryable", false)};
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

Conversation::Conversation(asio::io_context& io, std::string socket_path, Order order, Tell progress, std::function<void(Ended)> ended)
    : stream_(io), path_(std::move(socket_path)), limit_(order.wait + order.slack), progress_(std::move(progress)),
      see_(std::move(order.see)), opened_(std::move(order.opened)), ended_(std::move(ended)) {
  request_.method_string(order.method);
  request_.target(order.target);
  request_.version(11);
  request_.set(http::field::host, "localhost");
  request_.set(http::field::connection, "close");
  if (order.streamed) request_.set(http::field::accept, "text/event-stream");
  if (!order.caller.agent.empty()) request_.set("X-Claw-Agent", order.caller.agent);
  if (!order.caller.session.empty()) request_.set("X-Claw-Session", order.caller.session);
  request_.body() = std::move(order.body);
  request_.prepare_payload();
  parser_.body_limit(std::numeric_limits<std::uint64_t>::max());  // what is kept of it is what counts
}

std::shared_ptr<Conversation> Conversation::begin(asio::io_context& io, std::string socket_path, Order order, Tell progress,
                                                  std::function<void(Ended)> ended) {
  const std::shared_ptr<Conversation> made(new Conversation(io, std::move(socket_path), std::move(order), std::move(progress), std::move(ended)));
  asio::post(io, [made] { made->start(); });
  return made;
}

void Conversation::abandon() {
  ended_ = nullptr;
  progress_ = nullptr;
  error_code ignored;
  stream_.socket().close(ignored);
}

void Conversation::start() {
  if (!ended_) return;
  if (path_.size() > kPathBytesMax) return end(unreachable("the path is too long for a Unix socket"));
  error_code failure;
  stream_.socket().connect(asio::local::stream_protocol::endpoint(path_), failure);
  if (failure) return end(unreachable(failure.message()));
  connected_ = true;
  if (!see_) stream_.expires_after(limit_);
  // A daemon that turns a request away may close before it has read all of it: its answer is there all the same.
  http::async_write(stream_, request_, [self = shared_from_this()](error_code, std::size_t) {});
  read();
}

void Conversation::read() {
  http::async_read_some(stream_, buffer_, parser_, [self = shared_from_this()](error_code failure, std::size_t) {
    if (!self->ended_) return;
    if (!failure && self->parser_.get().body().size() > kAnswerBytesMax) failure = http::error::body_limit;
    if (failure) return self->end(self->silent(failure.message()));
    if (self->parser_.get()[http::field::content_type] == "text/event-stream") self->take_events();
    if (!self->ended_) return;
    if (self->parser_.is_done()) return self->end(self->whole_answer());
    self->read();
  });
}

void Conversation::take_events() {
  if (opened_) std::exchange(opened_, nullptr)();
  while (ended_) {
    const auto event = take_event(parser_.get().body());
    if (!event) return;
    const auto& [name, data] = *event;
    if (data.empty()) continue;
    if (see_) {
      const auto seen = json::parse(data, nullptr, false);
      if (!seen.is_discarded()) see_(name, seen);
      continue;
    }
    auto answer = parsed(data);
    const auto* good = std::get_if<DaemonAnswer>(&answer);
    if (good == nullptr || name == "result") return end(std::move(answer));
    if (name == "error") return end(refused(good->json, 500));
    if (name == "progress" && progress_) progress_(good->json.value("text", ""));
  }
}

Ended Conversation::whole_answer() {
  const auto status = parser_.get().result_int();
  if (parser_.get()[http::field::content_type] == "text/event-stream") return silent("it ended its answer before the result");
  auto answer = parsed(std::move(parser_.get().body()));
  if (const auto* good = std::get_if<DaemonAnswer>(&answer); good != nullptr && status >= 300) return refused(good->json, status);
  return answer;
}

void Conversation::end(Ended ended) {
  progress_ = nullptr;
  see_ = nullptr;
  error_code ignored;
  stream_.socket().close(ignored);
  if (const auto tell = std::exchange(ended_, nullptr)) tell(std::move(ended));
}

Failure Conversation::unreachable(const std::string& why) const {
  return {ExitCode::Unreachable, "gateway_down",
          "cannot reach the clawbridge daemon at \"" + path_ + "\": " + why + "; start it with `clawbridge run`, or name its socket with --socket or --config",
          true};
}

Failure Conversation::silent(const std::string& why) const {
  return {ExitCode::Unreachable, "gateway_down",
          "the clawbridge daemon at \"" + path_ + "\" gave no answer: " + why + "; see its log, and `clawbridge exchange list` for what it has accepted", true};
}

Ended Conversation::parsed(std::string text) const {
  DaemonAnswer answer{std::move(text), {}};
  answer.json = json::parse(answer.text, nullptr, false);
  if (!answer.json.is_object()) return silent("it is no JSON object; is that the socket of clawbridge?");
  return answer;
}

}  // namespace clawbridge::cli
