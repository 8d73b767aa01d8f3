#include "bridge/gateway/command.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "bridge/gateway/local_sessions.h"
#include "bridge/gateway/output_so_far.h"
#include "bridge/gateway/program.h"
#include "bridge/gateway/turn_folder.h"

namespace clawbridge::gateway {

using core::RunKey;
using core::action::AbortRun;
using core::action::ForgetRun;
using core::action::RecoverRun;
using core::action::ResolveSession;
using core::action::StartRun;

namespace {

constexpr std::chrono::seconds kLookForProgram{3};  // for a program that is not there
constexpr std::chrono::milliseconds kProgressPause{100};  // nobody is told more often

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// As the value of a variable: a control character in it would reach whoever prints it.
std::string line_of(std::string text) {
  std::ranges::replace_if(text, is_control, ' ');
  return text;
}

body::Reply failed_reply(ReplyStatus status, ErrorCode code, std::string message) {
  body::Reply reply;
  reply.status = status;
  reply.error = Error{code, std::move(message), false};
  return reply;
}

body::Reply interrupted(std::string why) {
  return failed_reply(ReplyStatus::Interrupted, ErrorCode::GatewayDown, std::move(why) + "; whether the program did its work is not known: look at what it does");
}

}  // namespace

// Shared with the handlers it posts, which hold it weakly: they may run after the Command is gone.
class Command::State : public std::enable_shared_from_this<Command::State> {
 public:
  State(asio::io_context& io, CommandSettings settings, core::EventSink sink)
      : io_(io), settings_(std::move(settings)), sink_(std::move(sink)), folders_(settings_.turns), look_again_(io), children_(io) {}

  void start() {
    children_.add(SIGCHLD);
    wait_for_children();
    announce();
  }

  void resolve(const ResolveSession& order) { report(core::event::SessionResolved{order.run, session_for(order)}); }

  void start_run(const StartRun& order) {
    sweep_once();
    if (!knows(order.agent)) {
      report_end(turn_of(order), failed_reply(ReplyStatus::Rejected, ErrorCode::UnknownAgent, unknown_agent(order.agent).message));
      return;
    }
    const auto program = find();
    if (!program) {
      report_not_taken(order.run, program.error().message);
      go_down(program.error().message);
      return;
    }
    known_.insert(turn_folder_name(order.idempotency_key));
    auto prepared = folders_.prepare(order.idempotency_key, order.text, order.attachments);
    if (const auto* error = std::get_if<Error>(&prepared)) {
      drop(order.idempotency_key);
      report_not_taken(order.run, error->message);
    } else if (std::holds_alternative<TurnFolders::AlreadyThere>(prepared)) {
      // A key is handed over once. If it comes again all the same, it gets what the first time came to.
      settle(turn_of(order));
    } else {
      launch(order, *program, std::get<TurnFolders::Prepared>(std::move(prepared)));
    }
  }

  void recover(const RecoverRun& order) {
    if (const auto run = runs_.find(order.run); run != runs_.end()) {
      if (run->second->turn.is_started) report(core::event::RunStarted{order.run, order.idempotency_key});
      return;
    }
    known_.insert(turn_folder_name(order.idempotency_key));
    settle(Turn{.run = order.run, .key = order.idempotency_key, .session_key = order.session_key, .same_boot = order.boot_id == boot_id_});
  }

  void forget(const ForgetRun& order) {
    if (const auto run = runs_.find(order.run); run != runs_.end()) {
      run->second->turn.is_forgotten = true;  // nobody asks for its outcome; the folder goes with the supervisor
    } else {
      drop(order.idempotency_key);
    }
  }

  // Nothing more when the program has been told: its end follows, `cancelled`, or its own when it had just ended.
  void abort(const AbortRun& order) {
    const auto found = runs_.find(order.run);
    const auto why_not = found == runs_.end() ? std::optional<std::string>("no program runs for it here") : folders_.ask_to_end(found->second->turn.key);
    if (why_not) report(core::event::AbortRefused{order.run, *why_not});
  }

  void read(const core::action::ReadSessions& order) {
    if (std::holds_alternative<body::SessionsHistory>(order.what)) {
      report(core::event::SessionsRead{
          order.read, Error{ErrorCode::Unsupported, "a command gateway keeps no histories: what was said in a session only its program knows; ask it by a message", false}});
      return;
    }
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    auto known = sessions();
    if (std::holds_alternative<body::SessionStatus>(order.what)) {
      // Whatever its name, a session is there as soon as somebody names it.
      const auto key = asked_session(order);
      if (key && std::ranges::find(known, *key, &LocalSession::key) == known.end()) known.push_back({.key = *key, .label = {}, .updated = {}});
    }
    report(core::event::SessionsRead{order.read, tell_sessions(order, known, now)});
  }

  void stop() {
    stopped_ = true;
    for (const auto& [key, run] : runs_) run->alive.close();
    runs_.clear();
    look_again_.cancel();
    children_.cancel();
  }

 private:
  struct Turn {
    RunKey run;
    std::string key;
    std::string session_key;
    bool same_boot = false;  // neither machine nor turns' folder have changed since it was handed over
    bool is_started = false;  // and reported as such
    bool is_forgotten = false;
    bool tells = false;  // what the program prints so far
  };
  /// A turn whose supervisor lives: `alive` ends with it.
  struct Run {
    Run(asio::io_context& io, Turn turn_of_it, Descriptor end) : turn(std::move(turn_of_it)), alive(io, end.release()), pause(io) {}
    Turn turn;
    asio::posix::stream_descriptor alive;
    OutputSoFar output;
    asio::steady_timer pause;
    bool is_pausing = false;
  };

  [[nodiscard]] static Turn turn_of(const StartRun& order) { return {.run = order.run, .key = order.idempotency_key, .session_key = order.session_key, .same_boot = true}; }

  // ---- up and down ----

  [[nodiscard]] Result<std::string> find() const {
    if (auto wrong = check_workdir(settings_.workdir)) return std::move(*wrong);
    const char* path = std::getenv("PATH");
    return find_program(settings_.argv.front(), path == nullptr ? "" : path);
  }

  void announce() {
    auto boot_id = folders_.open();
    const auto program = boot_id ? find() : Result<std::string>(boot_id.error());
    if (!program) return go_down(program.error().message);
    boot_id_ = *boot_id;
    core::event::GatewayUp up{.kind = "command", .version = {}, .boot_id = boot_id_, .keeps_keys = true, .agents = {}};
    for (const auto& id : settings_.agents) up.agents.push_back({.id = id, .name = {}});
    report(std::move(up));
  }

  void go_down(const std::string& reason) {
    report(core::event::GatewayDown{reason});
    look_again_.expires_after(kLookForProgram);
    look_again_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
      if (const auto self = weak.lock(); self && !cancelled && !self->stopped_) self->announce();
    });
  }

  // ---- running ----

  void launch(const StartRun& order, const std::string& program, TurnFolders::Prepared prepared) {
    SupervisorOrder told{.folder = std::filesystem::absolute(prepared.folder).string(),
                         .reply_bytes = settings_.reply_bytes,
                         .time_limit = time_limit(order),
                         .durable = settings_.durable,
                         .tells = order.progress,
                         .workdir = std::filesystem::absolute(settings_.workdir).string(),
                         .environment = settings_.environment,
                         .argv = settings_.argv};
    told.argv.front() = std::filesystem::absolute(program).string();
    std::vector<Variable> variables{{"CLAW_GATEWAY", settings_.gateway},
                                    {"CLAW_AGENT", order.agent},
                                    {"CLAW_SESSION", order.session_key},
                                    {"CLAW_FROM", order.source_session},
                                    {"CLAW_CORRELATION_ID", order.run.id},
                                    {"CLAW_ATTEMPT", std::to_string(order.run.attempt)},
                                    {"CLAW_IDEMPOTENCY_KEY", order.idempotency_key}};
    variables.push_back({"CLAW_REPLY_ATTACHMENTS", std::filesystem::absolute(prepared.reply_files).string()});
    if (!prepared.files.empty()) variables.push_back({"CLAW_ATTACHMENTS", std::filesystem::absolute(prepared.files).string()});
    // What a spawn asks for is the program's to heed.
    for (const auto& [name, text] : {std::pair("CLAW_LABEL", &order.label), std::pair("CLAW_MODEL", &order.model), std::pair("CLAW_THINKING", &order.thinking)}) {
      if (!text->empty()) variables.push_back({name, line_of(*text)});
    }
    const auto process = start_supervisor(settings_.self, told, variables, prepared.alive_for_it, prepared.control_for_it);
    if (!process) {
      drop(order.idempotency_key);
      report_not_taken(order.run, "cannot start a process for the turn: " + process.error().message);
      return;
    }
    supervisors_.insert(*process);
    auto turn = turn_of(order);
    turn.tells = order.progress;
    follow(std::move(turn), std::move(prepared.alive));
  }

  /// The shorter one of the settings' and the spawn's.
  [[nodiscard]] std::chrono::milliseconds time_limit(const StartRun& order) const {
    if (!order.time_limit) return settings_.time_limit;
    const auto asked = std::chrono::milliseconds(*order.time_limit);
    return settings_.time_limit.count() > 0 ? std::min(settings_.time_limit, asked) : asked;
  }

  void follow(Turn turn, Descriptor alive) {
    const auto key = turn.run;
    auto run = std::make_shared<Run>(io_, std::move(turn), std::move(alive));
    runs_.insert_or_assign(key, run);
    listen(run);
  }

  void listen(const std::shared_ptr<Run>& run) {
    run->alive.async_wait(asio::posix::stream_descriptor::wait_read, [weak = weak_from_this(), run](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !self->stopped_ && !error) self->on_sign(run);
    });
  }

  void on_sign(const std::shared_ptr<Run>& run) {
    std::array<char, 4096> block{};
    ssize_t count = 0;
    // To the end, because only what comes later wakes this again.
    while ((count = ::read(run->alive.native_handle(), block.data(), block.size())) > 0) {
      std::string_view told(block.data(), static_cast<std::size_t>(count));
      if (!std::exchange(run->turn.is_started, true)) {
        report(core::event::RunStarted{run->turn.run, run->turn.key});
        told.remove_prefix(1);  // kStartedSign
      }
      if (run->turn.tells) run->output.add(told);
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      tell(run);
      return listen(run);
    }
    const auto turn = run->turn;
    runs_.erase(turn.run);
    if (turn.is_forgotten) return drop(turn.key);
    settle(turn);
  }

  // What is printed during the pause is told after it, in one.
  void tell(const std::shared_ptr<Run>& run) {
    auto text = run->is_pausing ? std::nullopt : run->output.tell();
    if (!text) return;
    report(core::event::RunProgress{run->turn.run, std::move(*text)});
    run->is_pausing = true;
    run->pause.expires_after(kProgressPause);
    run->pause.async_wait([weak = weak_from_this(), weak_run = std::weak_ptr(run)](const boost::system::error_code& cancelled) {
      const auto self = weak.lock();
      const auto still = weak_run.lock();
      if (!self || !still || self->stopped_ || cancelled) return;
      still->is_pausing = false;
      self->tell(still);
    });
  }

  // ---- what became of a turn ----

  void settle(const Turn& turn) {
    auto state = folders_.look(turn.key);
    if (auto* running = std::get_if<TurnFolders::Running>(&state)) {
      report(core::event::RunStarted{turn.run, turn.key});
      auto started = turn;
      started.is_started = true;
      return follow(std::move(started), std::move(running->alive));
    }
    if (const auto* end = std::get_if<TurnEnd>(&state)) return finish(turn, *end);
    if (std::holds_alternative<TurnFolders::Vanished>(state)) {
      return report_end(turn, interrupted("the program's supervisor was killed during the turn"));
    }
    if (!turn.same_boot) {
      return report_end(turn, interrupted("the machine was restarted since the turn was handed over, or the folder " + settings_.turns.string() + " was made anew"));
    }
    if (turn.is_started) return report_end(turn, interrupted("the turn's folder was removed while it ran"));
    drop(turn.key);
    report_not_taken(turn.run, "it was not started before the bridge or the turn's supervisor ended");
  }

  void finish(const Turn& turn, const TurnEnd& end) {
    if (end.how == TurnEnd::How::NotStarted && end.ended == TurnEnd::Ended::OnAbort) {
      body::Reply cancelled;
      cancelled.status = ReplyStatus::Cancelled;
      cancelled.ran = false;
      return report_end(turn, std::move(cancelled));
    }
    if (end.how == TurnEnd::How::NotStarted) {
      drop(turn.key);
      return report_not_taken(turn.run, "gateway.command was not started: " + end.reason);
    }
    if (!turn.is_started) report(core::event::RunStarted{turn.run, turn.key});
    report_end(turn, with_files(outcome_of(end, settings_.argv.front()), turn.key));
  }

  /// A reply with the files that the program has left for it.
  [[nodiscard]] body::Reply with_files(body::Reply reply, const std::string& key) const {
    if (reply.status != ReplyStatus::Ok && reply.status != ReplyStatus::NoReply) return reply;
    auto left = folders_.take_reply_files(key);
    for (const auto& why : left.left_out) reply.reply += (reply.reply.empty() ? "[not attached: " : "\n[not attached: ") + why + "]";
    reply.truncated = reply.truncated || !left.left_out.empty();
    reply.attachments = std::move(left.files);
    if (!reply.reply.empty() || !reply.attachments.empty()) reply.status = ReplyStatus::Ok;
    return reply;
  }

  /// The folder goes, and with it what was known of the turn.
  void drop(const std::string& key) {
    folders_.forget(key);
    known_.erase(turn_folder_name(key));
  }

  // ---- old folders ----

  // The core orders all recoveries before the first StartRun. So what is there by then and was not asked for never will be:
  // the bridge was killed between the journal's commit and ForgetRun.
  void sweep_once() {
    if (std::exchange(swept_, true)) return;
    old_ = folders_.list();
    std::erase_if(old_, [&](const std::string& name) { return known_.contains(name); });
    sweep();
  }

  // One in a turn of the loop: there may be many.
  void sweep() {
    if (old_.empty()) return;
    asio::post(io_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->stopped_) return;
      if (!self->known_.contains(self->old_.back())) self->folders_.remove(self->old_.back());
      self->old_.pop_back();
      self->sweep();
    });
  }

  // ---- processes ----

  void wait_for_children() {
    children_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled, int) {
      const auto self = weak.lock();
      if (!self || cancelled) return;
      std::erase_if(self->supervisors_, [](pid_t process) { return ::waitpid(process, nullptr, WNOHANG) != 0; });
      self->wait_for_children();
    });
  }

  // ---- reports ----

  // The event leaves from a handler of its own, so that no answer comes from inside the call that caused it.
  void report(core::Event event) {
    asio::post(io_, [weak = weak_from_this(), event = std::move(event)]() mutable {
      if (const auto self = weak.lock(); self && !self->stopped_) self->sink_(std::move(event));
    });
  }

  void report_not_taken(const RunKey& run, std::string reason) { report(core::event::RunNotTaken{run, std::move(reason)}); }

  void report_end(const Turn& turn, body::Reply reply) {
    reply.run_id = turn.key;
    reply.session_key = turn.session_key;
    report(core::event::RunEnded{turn.run, std::move(reply)});
  }

  [[nodiscard]] bool knows(const std::string& agent) const { return std::ranges::find(settings_.agents, agent) != settings_.agents.end(); }

  [[nodiscard]] Error unknown_agent(const std::string& agent) const {
    std::string known;
    for (const auto& id : settings_.agents) known += (known.empty() ? "" : ", ") + id;
    return {ErrorCode::UnknownAgent, "no agent \"" + agent + "\" on this gateway; it has: " + known, false};
  }

  /// What is known of sessions here: which have a turn under way. Of the others, those that always exist.
  [[nodiscard]] std::vector<LocalSession> sessions() const {
    std::vector<LocalSession> known;
    for (const auto& id : settings_.agents) known.push_back({.key = agent_prefix(id) + "main", .label = {}, .updated = {}});
    for (const auto& [key, run] : runs_) {
      const auto found = std::ranges::find(known, run->turn.session_key, &LocalSession::key);
      auto& session = found == known.end() ? known.emplace_back(LocalSession{.key = run->turn.session_key, .label = {}, .updated = {}}) : *found;
      session.is_running = true;
    }
    return known;
  }

  [[nodiscard]] Result<std::string> session_for(const ResolveSession& order) const {
    if (!knows(order.agent)) return unknown_agent(order.agent);
    if (!order.label.empty()) {
      return Error{ErrorCode::UnknownSession,
                   "No session found with label: " + order.label + " (a command gateway has no labels; name a session as " + agent_prefix(order.agent) + "NAME)",
                   false};
    }
    const auto prefix = agent_prefix(order.agent);
    if (!order.session_key.starts_with(prefix) || order.session_key.size() == prefix.size()) {
      return Error{ErrorCode::UnknownSession, "No session found: " + order.session_key + " (sessions here are written " + prefix + "NAME)", false};
    }
    if (std::ranges::any_of(order.session_key, is_control)) {
      return Error{ErrorCode::UnknownSession, "a session's name has no control characters here: the program gets it in a variable", false};
    }
    return order.session_key;
  }

  asio::io_context& io_;
  const CommandSettings settings_;
  const core::EventSink sink_;
  TurnFolders folders_;
  asio::steady_timer look_again_;
  asio::signal_set children_;
  std::string boot_id_;
  bool stopped_ = false;
  std::map<RunKey, std::shared_ptr<Run>> runs_;  // under way; the core limits how many
  std::set<std::string> known_;                  // folders of turns that the core has asked about and not let go; it limits how many
  std::set<pid_t> supervisors_;                  // to be reaped
  bool swept_ = false;
  std::vector<std::string> old_;                 // folders that nobody asked for, being removed
};

Command::Command(asio::io_context& io, CommandSettings settings, core::EventSink sink)
    : state_(std::make_shared<State>(io, std::move(settings), std::move(sink))) {}
Command::~Command() {
  state_->stop();
}
void Command::start() {
  state_->start();
}
void Command::carry_out(const ResolveSession& order) {
  state_->resolve(order);
}
void Command::carry_out(const StartRun& order) {
  state_->start_run(order);
}
void Command::carry_out(const RecoverRun& order) {
  state_->recover(order);
}
void Command::carry_out(const ForgetRun& order) {
  state_->forget(order);
}
void Command::carry_out(const core::action::ReadSessions& order) {
  state_->read(order);
}
void Command::carry_out(const AbortRun& order) {
  state_->abort(order);
}
void Command::stop() {
  state_->stop();
}

}  // namespace clawbridge::gateway
