#include "bridge/gateway/echo.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "bridge/gateway/machine.h"
#include "topics/time.h"

namespace clawbridge::gateway {

namespace {

using nlohmann::json;

constexpr std::string_view kReplyPrefix = "echo: ";

std::string main_session(const std::string& agent) {
  return "agent:" + agent + ":main";
}

}  // namespace

// Shared with the handlers it posts, which hold it weakly: they may run after the Echo is gone.
class Echo::State : public std::enable_shared_from_this<Echo::State> {
 public:
  State(asio::io_context& io, EchoSettings settings, core::EventSink sink)
      : io_(io), settings_(std::move(settings)), sink_(std::move(sink)), boot_id_(random_id()) {
    if (settings_.record.empty()) return;
    record_fd_ = ::open(settings_.record.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record_fd_ < 0) throw std::runtime_error(record_error("open"));
  }
  ~State() {
    if (record_fd_ >= 0) ::close(record_fd_);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void announce() {
    core::event::GatewayUp up{.kind = "echo", .version = {}, .boot_id = boot_id_, .keeps_keys = false, .agents = {}};
    for (const auto& id : settings_.agents) up.agents.push_back({.id = id, .name = {}});
    report(std::move(up));
  }

  void resolve(const core::action::ResolveSession& order) {
    report(core::event::SessionResolved{order.run, session_for(order)});
  }

  void start_run(const core::action::StartRun& order) {
    if (!knows(order.agent)) {
      auto refused = failed_reply(ReplyStatus::Rejected, unknown_agent(order.agent), order.session_key);
      report(core::event::RunEnded{order.run, std::move(refused)});
      return;
    }
    runs_.emplace(order.run, std::make_unique<asio::steady_timer>(io_));
    report(core::event::RunStarted{order.run, order.idempotency_key});
    if (settings_.delay.count() <= 0) {
      asio::post(io_, [weak = weak_from_this(), order] {
        if (const auto self = weak.lock()) self->end_run(order);
      });
      return;
    }
    auto& timer = *runs_.at(order.run);
    timer.expires_after(settings_.delay);
    timer.async_wait([weak = weak_from_this(), order](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->end_run(order);
    });
  }

  void abort(const core::action::AbortRun& order) {
    if (runs_.erase(order.run) == 0) {
      report(core::event::AbortRefused{order.run, "the turn has ended"});
      return;
    }
    body::Reply reply;
    reply.status = ReplyStatus::Cancelled;
    reply.ran = true;
    reply.run_id = order.idempotency_key;
    reply.session_key = order.session_key;
    report(core::event::RunEnded{order.run, std::move(reply)});
  }

  void recover(const core::action::RecoverRun& order) {
    if (runs_.contains(order.run)) {
      report(core::event::RunStarted{order.run, order.idempotency_key});
    } else if (settings_.record.empty()) {
      // A turn of an earlier process, or one whose end was reported and forgotten: there is nothing to look it up in.
      Error error{ErrorCode::GatewayDown,
                  "the echo gateway restarted during the turn and keeps no record of turns; set gateway.record", false};
      report(core::event::RunEnded{order.run,
                                   failed_reply(ReplyStatus::Interrupted, std::move(error), order.session_key)});
    } else if (is_recorded(order)) {
      report(core::event::RunEnded{order.run, reply_to(order.text, order.idempotency_key, order.session_key)});
    } else {
      report(core::event::RunNotTaken{order.run, "the echo gateway has no record of this turn"});
    }
  }

  void read(const core::action::ReadSessions& order) {
    report(core::event::SessionsRead{order.read, Error{ErrorCode::Unsupported, "the echo gateway keeps no sessions that could be read", false}});
  }

  void stop() {
    stopped_ = true;
    runs_.clear();
  }

 private:
  // The event leaves from a handler of its own, so that no answer comes from inside the call that caused it.
  void report(core::Event event) {
    asio::post(io_, [weak = weak_from_this(), event = std::move(event)]() mutable {
      if (const auto self = weak.lock(); self && !self->stopped_) self->sink_(std::move(event));
    });
  }

  void end_run(const core::action::StartRun& order) {
    if (runs_.erase(order.run) == 0) return;  // stopped
    auto reply = reply_to(order.text, order.idempotency_key, order.session_key);
    if (!append_record(order)) {
      reply = failed_reply(ReplyStatus::Error, {ErrorCode::GatewayError, record_error("append to"), false},
                           order.session_key);
    }
    sink_(core::event::RunEnded{order.run, std::move(reply)});
  }

  static body::Reply reply_to(const std::string& text, const std::string& run_id, const std::string& session_key) {
    body::Reply reply;
    reply.reply = std::string(kReplyPrefix) + text;
    reply.run_id = run_id;
    reply.session_key = session_key;
    return reply;
  }

  static body::Reply failed_reply(ReplyStatus status, Error error, const std::string& session_key) {
    body::Reply reply;
    reply.status = status;
    reply.session_key = session_key;
    reply.error = std::move(error);
    return reply;
  }

  bool append_record(const core::action::StartRun& order) {
    if (record_fd_ < 0) return true;
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const json line = {{"correlationId", order.run.id},
                       {"session", order.session_key},
                       {"text", order.text},
                       {"time", format_time(now)}};
    const std::string bytes = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    // One write(): after a kill the line is there whole or not at all.
    return ::write(record_fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }

  [[nodiscard]] bool is_recorded(const core::action::RecoverRun& order) const {
    std::ifstream file(settings_.record, std::ios::binary);
    const std::string id = json(order.run.id).dump();
    for (std::string line; std::getline(file, line);) {
      if (line.find(id) == std::string::npos) continue;
      const json entry = json::parse(line, nullptr, false);
      if (!entry.is_object()) continue;
      if (entry.value("correlationId", json()) == order.run.id && entry.value("session", json()) == order.session_key &&
          entry.value("text", json()) == order.text)
        return true;
    }
    return false;
  }

  [[nodiscard]] std::string record_error(std::string_view verb) const {
    return "cannot " + std::string(verb) + " gateway.record \"" + settings_.record +
           "\": " + std::generic_category().message(errno);
  }

  [[nodiscard]] bool knows(const std::string& agent) const {
    return std::ranges::find(settings_.agents, agent) != settings_.agents.end();
  }

  [[nodiscard]] Error unknown_agent(const std::string& agent) const {
    std::string known;
    for (const auto& id : settings_.agents) known += (known.empty() ? "" : ", ") + id;
    return {ErrorCode::UnknownAgent, "no agent \"" + agent + "\" on this gateway; it has: " + known, false};
  }

  [[nodiscard]] Result<std::string> session_for(const core::action::ResolveSession& order) const {
    if (!knows(order.agent)) return unknown_agent(order.agent);
    const std::string only = main_session(order.agent);
    if (!order.label.empty()) {
      return Error{
          ErrorCode::UnknownSession,
          "No session found with label: " + order.label + " (the echo gateway has no labels; it has " + only + ")",
          false};
    }
    if (order.session_key == only) return only;
    return Error{ErrorCode::UnknownSession,
                 "No session found: " + order.session_key + " (the echo gateway has only " + only + ")", false};
  }

  asio::io_context& io_;
  const EchoSettings settings_;
  const core::EventSink sink_;
  const std::string boot_id_;
  int record_fd_ = -1;
  bool stopped_ = false;
  std::map<core::RunKey, std::unique_ptr<asio::steady_timer>> runs_;  // under way; the core limits how many
};

Echo::Echo(asio::io_context& io, EchoSettings settings, core::EventSink sink)
    : state_(std::make_shared<State>(io, std::move(settings), std::move(sink))) {}
Echo::~Echo() {
  state_->stop();
}
void Echo::start() {
  state_->announce();
}
void Echo::carry_out(const core::action::ResolveSession& order) {
  state_->resolve(order);
}
void Echo::carry_out(const core::action::StartRun& order) {
  state_->start_run(order);
}
void Echo::carry_out(const core::action::AbortRun& order) {
  state_->abort(order);
}
void Echo::carry_out(const core::action::RecoverRun& order) {
  state_->recover(order);
}
void Echo::carry_out(const core::action::ReadSessions& order) {
  state_->read(order);
}
void Echo::stop() {
  state_->stop();
}

}  // namespace clawbridge::gateway
