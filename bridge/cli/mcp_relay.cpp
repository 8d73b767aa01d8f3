#include "bridge/cli/mcp_relay.h"

#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "bridge/cli/render.h"

namespace clawbridge::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kLineBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kRunningMax = 64;
constexpr std::chrono::milliseconds kPause{250};
constexpr double kSecondsMax = 7.0 * 24 * 3600;

/// The next line, its end cut off; nothing at the end of `in`. A line that is too long comes as far as it is not.
std::optional<std::string> read_line(std::istream& in) {
  std::string line;
  for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
    if (c == '\n') return line;
    if (line.size() <= kLineBytesMax) line += static_cast<char>(c);
  }
  return line.empty() ? std::nullopt : std::optional(std::move(line));
}

/// How long the daemon may take for it, by what the arguments say.
std::chrono::milliseconds wait_of(const std::string& arguments) {
  const auto parsed = nlohmann::json::parse(arguments, nullptr, false);
  const auto found = parsed.is_object() ? parsed.find("timeoutSeconds") : parsed.end();
  const double seconds = found != parsed.end() && found->is_number() ? found->get<double>() : 30;
  return std::chrono::milliseconds(static_cast<std::int64_t>(1000 * std::min(std::max(seconds, 0.0), kSecondsMax)));
}

std::string error_object(const Failure& failure) {
  const nlohmann::json object{{"status", "error"}, {"error", {{"code", failure.code()}, {"message", failure.what()}, {"retryable", failure.retryable()}}}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool only_looks(const mcp::Call& call) { return call.operation != "sessions_send" && call.operation != "sessions_spawn"; }

}  // namespace

struct McpRelay::Running {
  Running(asio::io_context& io, mcp::Call asked) : call(std::move(asked)), pause(io) {}

  const mcp::Call call;
  asio::steady_timer pause;
  std::shared_ptr<Conversation> conversation;
  steady_clock::time_point give_up;
  std::uint64_t progress = 0;
};

McpRelay::McpRelay(Settings settings, std::istream& in, std::ostream& out) : settings_(std::move(settings)), in_(in), out_(out) {}

void McpRelay::run() {
  in_.tie(nullptr);  // or the reading thread would flush what this one writes
  auto reading = asio::make_work_guard(io_);
  std::thread reader([&] {
    read_lines();
    asio::post(io_, [&] { reading.reset(); });
  });
  io_.run();
  reader.join();
}

/// On a thread of its own, as reading blocks. The next line is read when this one has been taken: whoever writes faster waits.
void McpRelay::read_lines() {
  while (const auto line = read_line(in_)) {
    std::promise<void> taken;
    asio::post(io_, [&] {
      take(*line);
      taken.set_value();
    });
    taken.get_future().wait();
  }
}

void McpRelay::take(const std::string& line) {
  if (line.find_first_not_of(" \t\r") == std::string::npos) return;
  if (line.size() > kLineBytesMax) return write(mcp::error_message("null", mcp::RpcError::Parse, "the message is longer than 16 MiB"));
  auto step = mcp::read_message(line, settings_.version);
  if (const auto* answered = std::get_if<mcp::Answered>(&step)) return write(answered->message);
  if (const auto* cancelled = std::get_if<mcp::Cancelled>(&step)) {
    const auto found = running_.find(cancelled->id);
    if (found == running_.end()) return;
    const auto running = std::exchange(found->second, nullptr);
    running_.erase(found);
    running->pause.cancel();
    if (running->conversation) running->conversation->abandon();
    return;
  }
  auto* asked = std::get_if<mcp::Call>(&step);
  if (asked == nullptr) return;
  const auto running = std::make_shared<Running>(io_, std::move(*asked));
  if (running_.size() >= kRunningMax) {
    return answer(running, error_object({ExitCode::Failed, "busy", std::to_string(kRunningMax) + " calls are waiting already; try again later", true}), true);
  }
  if (!running_.emplace(running->call.id, running).second) {
    return write(mcp::error_message(running->call.id, mcp::RpcError::InvalidRequest, "a request with this id is under way"));
  }
  running->give_up = steady_clock::now() + settings_.patience;
  call(running);
}

void McpRelay::call(const std::shared_ptr<Running>& running) {
  const auto& asked = running->call;
  Order order{"POST", "/v1/tools/" + asked.operation, asked.arguments, settings_.caller, wait_of(asked.arguments), asked.progress_token.has_value()};
  running->conversation = Conversation::begin(
      io_, settings_.socket_path, std::move(order),
      [this, running](const std::string& text) { write(mcp::progress_message(running->call, ++running->progress, text)); },
      [this, running](const Ended& how) { ended(running, how); });
}

void McpRelay::ended(const std::shared_ptr<Running>& running, const Ended& how) {
  const auto* failure = std::get_if<Failure>(&how);
  const bool can_repeat = !running->conversation->connected() || only_looks(running->call);
  running->conversation.reset();
  if (failure == nullptr) return answer(running, std::get<DaemonAnswer>(how).text, false);
  // The daemon is being restarted, perhaps.
  if (failure->exit_code() == ExitCode::Unreachable && failure->code() == "gateway_down" && can_repeat && steady_clock::now() < running->give_up) {
    running->pause.expires_after(kPause);
    running->pause.async_wait([this, running](const boost::system::error_code& cancelled) {
      if (!cancelled) call(running);
    });
    return;
  }
  answer(running, error_object(*failure), true);
}

void McpRelay::answer(const std::shared_ptr<Running>& running, std::string_view result, bool refused) {
  const auto found = running_.find(running->call.id);
  if (found != running_.end() && found->second == running) running_.erase(found);
  write(mcp::result_message(running->call, result, refused));
}

void McpRelay::write(const std::string& message) { out_ << message << "\n" << std::flush; }

}  // namespace clawbridge::cli
