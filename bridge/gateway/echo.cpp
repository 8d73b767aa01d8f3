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

#include "bridge/gateway/local_sessions.h"
#include "bridge/gateway/machine.h"
#include "bridge/gateway/outcome.h"
#include "topics/time.h"

namespace clawbridge::gateway {

namespace {

using nlohmann::json;

constexpr std::string_view kReplyPrefix = "echo: ";
constexpr std::size_t kProgressStepsMax = 20;
constexpr std::size_t kSpawnedMax = 1'000;                            // sessions that are remembered; a turn needs none
constexpr std::streamoff kRecordTail = std::streamoff{4} << 20;       // of a longer record histories show the end

std::string main_session(const std::string& agent) {
  return "agent:" + agent + ":main";
}

WallTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string first_words(const std::string& text, std::size_t count) {
  std::size_t end = 0;
  for (std::size_t word = 0; word < count && end != std::string::npos; ++word) end = text.find(' ', word == 0 ? 0 : end + 1);
  return text.substr(0, end);
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
    if (order.new_session && !remember(order)) {
      report(core::event::RunEnded{order.run, label_taken(order)});
      return;
    }
    runs_.emplace(order.run, Run{order.session_key, std::make_unique<asio::steady_timer>(io_)});
    touch(order.session_key);
    report(core::event::RunStarted{order.run, order.idempotency_key});
    if (settings_.delay.count() <= 0) {
      asio::post(io_, [weak = weak_from_this(), order] {
        if (const auto self = weak.lock()) self->end_run(order);
      });
      return;
    }
    wait_for_end(std::make_shared<core::action::StartRun>(order), 1);
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
    const bool is_history = std::holds_alternative<body::SessionsHistory>(order.what);
    report(core::event::SessionsRead{order.read, is_history ? history(order) : tell_sessions(order, sessions(), wall_now())});
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

  // In as many steps as progress is told in; the last one ends the turn.
  void wait_for_end(std::shared_ptr<const core::action::StartRun> order, std::size_t step) {
    const auto reply = std::string(kReplyPrefix) + order->text;
    const auto words = static_cast<std::size_t>(std::ranges::count(reply, ' ')) + 1;
    const auto steps = order->progress ? std::min(words, kProgressStepsMax) : 1;
    const bool is_too_long = order->time_limit && *order->time_limit < settings_.delay;
    auto& timer = *runs_.at(order->run).timer;
    timer.expires_after((is_too_long ? std::chrono::milliseconds(*order->time_limit) : settings_.delay) / steps);
    timer.async_wait([weak = weak_from_this(), order, step, steps, is_too_long, so_far = first_words(reply, words * step / steps)](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!self || error || self->stopped_) return;
      if (step == steps) return is_too_long ? self->end_late(*order) : self->end_run(*order);
      self->sink_(core::event::RunProgress{order->run, so_far});
      self->wait_for_end(order, step + 1);
    });
  }

  void end_late(const core::action::StartRun& order) {
    runs_.erase(order.run);
    Error error{ErrorCode::Timeout, "the turn ran into its time limit of " + std::to_string(order.time_limit->count()) + " s", false};
    sink_(core::event::RunEnded{order.run, failed_reply(ReplyStatus::Error, std::move(error), order.session_key)});
  }

  void end_run(const core::action::StartRun& order) {
    if (runs_.erase(order.run) == 0) return;  // stopped
    auto reply = reply_to(order.text, order.idempotency_key, order.session_key);
    reply.attachments = order.attachments;
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
    const json line = {{"correlationId", order.run.id},
                       {"session", order.session_key},
                       {"text", order.text},
                       {"time", format_time(wall_now())}};
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
    const std::string main = main_session(order.agent);
    if (!order.label.empty()) {
      for (const auto& [key, session] : spawned_) {
        if (session.label == order.label && agent_of_key(key) == order.agent) return key;
      }
      return Error{ErrorCode::UnknownSession,
                   "No session found with label: " + order.label + " (the echo gateway has " + main + ", and what was spawned since it started)", false};
    }
    const bool is_spawned = spawned_.contains(order.session_key) && agent_of_key(order.session_key) == order.agent;
    if (order.session_key == main || is_spawned) return order.session_key;
    return Error{ErrorCode::UnknownSession,
                 "No session found: " + order.session_key + " (the echo gateway has " + main + ", and what was spawned since it started)", false};
  }

  // ---- sessions ----

  // Remembers the session of a spawn. False when another one has its label.
  bool remember(const core::action::StartRun& order) {
    const bool is_taken = !order.label.empty() && std::ranges::any_of(spawned_, [&](const auto& each) {
      return each.first != order.session_key && each.second.label == order.label && agent_of_key(each.first) == order.agent;
    });
    if (!is_taken && spawned_.size() < kSpawnedMax) spawned_[order.session_key].label = order.label;
    return !is_taken;
  }

  void touch(const std::string& key) {
    if (const auto spawned = spawned_.find(key); spawned != spawned_.end()) {
      spawned->second.updated = wall_now();
    } else if (key == main_session(std::string(agent_of_key(key)))) {
      mains_updated_[key] = wall_now();
    }
  }

  [[nodiscard]] std::vector<LocalSession> sessions() const {
    std::vector<LocalSession> known;
    for (const auto& id : settings_.agents) {
      const auto updated = mains_updated_.find(main_session(id));
      known.push_back({.key = main_session(id), .label = {}, .updated = updated == mains_updated_.end() ? WallTime{} : updated->second});
    }
    for (const auto& [key, session] : spawned_) known.push_back({.key = key, .label = session.label, .updated = session.updated});
    for (auto& session : known) {
      session.is_running = std::ranges::any_of(runs_, [&](const auto& run) { return run.second.session_key == session.key; });
    }
    std::ranges::stable_sort(known, std::ranges::greater(), &LocalSession::updated);
    return known;
  }

  // From the record, in the rows of chat.history.
  [[nodiscard]] Result<std::string> history(const core::action::ReadSessions& order) const {
    const auto key = asked_session(order);
    if (!key) return key.error();
    if (settings_.record.empty()) {
      return Error{ErrorCode::Unsupported, "the echo gateway keeps no history of its sessions; give it a file for one: gateway.record", false};
    }
    const auto& asked = std::get<body::SessionsHistory>(order.what);
    const Window window{.limit = std::clamp<std::uint64_t>(asked.limit.value_or(kHistoryMessagesDefault), 1, kHistoryMessagesMax),
                        .skip_newest = asked.offset.value_or(0),
                        .include_tools = asked.include_tools};
    return history_listing(*key, read_transcript({{"messages", recorded_rows(*key)}}, window), window.skip_newest, order.bytes_max);
  }

  [[nodiscard]] json recorded_rows(const std::string& session) const {
    json rows = json::array();
    std::ifstream file(settings_.record, std::ios::binary | std::ios::ate);
    const auto size = static_cast<std::streamoff>(file.tellg());
    file.seekg(std::max<std::streamoff>(0, size - kRecordTail));
    for (std::string line; std::getline(file, line);) {
      const json entry = json::parse(line, nullptr, false);  // the first may be half a line
      if (!entry.is_object() || entry.value("session", json()) != session || !entry.value("text", json()).is_string()) continue;
      const auto& text = entry.at("text").get_ref<const std::string&>();
      const auto time = entry.value("time", json());
      const auto at = time.is_string() ? parse_time(time.get<std::string>()) : std::nullopt;
      const auto stamp = at ? at->time_since_epoch().count() : 0;
      rows.push_back({{"role", "user"}, {"content", text}, {"timestamp", stamp}});
      rows.push_back({{"role", "assistant"}, {"content", std::string(kReplyPrefix) + text}, {"timestamp", stamp}});
    }
    return rows;
  }

  static body::Reply label_taken(const core::action::StartRun& order) {
    auto reply = label_taken_reply(order.agent, order.label);
    reply.session_key = order.session_key;
    return reply;
  }

  struct Run {
    std::string session_key;
    std::unique_ptr<asio::steady_timer> timer;
  };
  struct Spawned {
    std::string label;
    WallTime updated{};
  };

  asio::io_context& io_;
  const EchoSettings settings_;
  const core::EventSink sink_;
  const std::string boot_id_;
  int record_fd_ = -1;
  bool stopped_ = false;
  std::map<core::RunKey, Run> runs_;                // under way; the core limits how many
  std::map<std::string, Spawned> spawned_;          // by key
  std::map<std::string, WallTime> mains_updated_;   // of the agents that have had a turn
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
