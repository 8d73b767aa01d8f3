#include "bridge/gateway/openclaw.h"

#include <algorithm>
#include <map>
#include <utility>

#include "bridge/gateway/attachments.h"
#include "bridge/gateway/machine.h"
#include "bridge/gateway/new_session.h"
#include "bridge/gateway/outcome.h"
#include "bridge/gateway/recovery.h"
#include "bridge/gateway/session_reads.h"

namespace clawbridge::gateway {

using core::action::AbortRun;
using core::action::RecoverRun;
using core::action::ResolveSession;
using core::action::StartRun;

namespace {

bool same_agents(const std::vector<core::event::GatewayAgent>& a, const std::vector<core::event::GatewayAgent>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.id == y.id && x.name == y.name; });
}

// The key in full: `main` means the agent's own.
std::string full_key(const ResolveSession& order) {
  return order.session_key.starts_with("agent:") ? order.session_key : agent_prefix(order.agent) + order.session_key;
}

}  // namespace

class OpenClaw::Adapter : public std::enable_shared_from_this<OpenClaw::Adapter> {
 public:
  Adapter(asio::io_context& io, OpenClawSettings settings, core::EventSink sink)
      : io_(io), sink_(std::move(sink)), client_(std::make_shared<Client>(io, std::move(settings))) {}

  void start() {
    const auto weak = weak_from_this();
    client_->start({
        .up =
            [weak](const Hello& hello, std::chrono::milliseconds took) {
              if (const auto self = weak.lock()) self->on_up(hello, took);
            },
        .down =
            [weak](std::string reason) {
              if (const auto self = weak.lock()) self->on_down(std::move(reason));
            },
        .tick =
            [weak] {
              if (const auto self = weak.lock()) self->refresh_agents();
            },
        .agent_event =
            [weak](const AgentEvent& event) {
              if (const auto self = weak.lock()) self->report_progress(event);
            },
    });
  }

  void stop() { client_->stop(); }

  void resolve(const ResolveSession& order) {
    if (knows(order.agent)) return resolve_known(order);
    // The agent may be newer than the list.
    list_agents([self = shared_from_this(), order](bool listed) {
      if (self->knows(order.agent)) return self->resolve_known(order);
      if (!listed) return self->answer(order, self->not_connected());
      self->answer(order, self->unknown_agent(order.agent));
    });
  }

  void start_run(const StartRun& order) {
    if (auto wrong = check_files(order.attachments)) return reject(order, std::move(*wrong));
    calls_.insert_or_assign(order.run, Call{});
    if (!needs_preparing(order)) return hand_over(order);
    asio::co_spawn(io_, prepare_session(client_, order, hello_.keeps_keys()),
                   [self = shared_from_this(), order](std::exception_ptr error, SessionPrepared prepared) {
                     if (self->client_->is_stopped()) return;
                     if (error) prepared = NotTaken{"preparing the session failed by an internal error"};
                     self->on_prepared(order, std::move(prepared));
                   });
  }

  // The turn's own end tells whether it worked; only a refusal needs words here.
  void abort_run(const AbortRun& order) {
    client_->call("chat.abort", {{"sessionKey", order.session_key}, {"runId", order.idempotency_key}},
                  [self = shared_from_this(), order](CallResult result, const Response* response) {
                    if (result != CallResult::Answered) return false;
                    if (!response->ok || member(response->payload, "aborted") != true) {
                      self->sink_(core::event::AbortRefused{order.run, self->why_not_aborted(*response)});
                    } else if (const auto call = self->calls_.find(order.run); call != self->calls_.end()) {
                      call->second.aborted = true;
                    }
                    return false;
                  });
  }

  void read(const core::action::ReadSessions& order) {
    asio::co_spawn(io_, read_sessions(client_, sink_, order, hello_.keeps_keys()),
                   [self = shared_from_this(), read = order.read](std::exception_ptr error) {
                     if (error && !self->client_->is_stopped())
                       self->sink_(core::event::SessionsRead{read, Error{ErrorCode::Internal, "reading the sessions failed by an internal error", false}});
                   });
  }

  void recover_run(const RecoverRun& order, bool is_started = false) {
    if (!ready_) {
      asio::post(io_, [self = shared_from_this(), order] {
        if (!self->client_->is_stopped()) self->sink_(core::event::RunLost{order.run, "the gateway is not connected"});
      });
      return;
    }
    asio::co_spawn(io_, recover(client_, sink_, Recovery{order, hello_, boot_, is_started}),
                   [self = shared_from_this(), run = order.run](std::exception_ptr error) {
                     if (error && !self->client_->is_stopped())
                       self->sink_(core::event::RunLost{run, "looking for the turn failed by an internal error"});
                   });
  }

 private:
  // A call of method `agent` that waits for its second response.
  struct Call {
    bool accepted = false;
    bool aborted = false;  // the gateway says that it stops this turn
  };

  void reject(const StartRun& order, Error error) {
    auto reply = make_reply(ReplyStatus::Rejected);
    reply.session_key = order.session_key;
    reply.error = std::move(error);
    // Posted, because no answer comes from inside the call.
    asio::post(io_, [self = shared_from_this(), ended = core::event::RunEnded{order.run, std::move(reply)}] {
      if (!self->client_->is_stopped()) self->sink_(ended);
    });
  }

  void on_prepared(const StartRun& order, SessionPrepared prepared) {
    if (std::holds_alternative<Ready>(prepared)) return hand_over(order);
    calls_.erase(order.run);
    if (auto* refused = std::get_if<NotTaken>(&prepared)) {
      sink_(core::event::RunNotTaken{order.run, std::move(refused->reason)});
    } else {
      auto& reply = std::get<Ended>(prepared).reply;
      reply.session_key = order.session_key;
      sink_(core::event::RunEnded{order.run, std::move(reply)});
    }
  }

  void hand_over(const StartRun& order) {
    if (order.progress) watched_.insert_or_assign(order.idempotency_key, order.run);
    client_->call("agent", agent_params(order), [self = shared_from_this(), order](CallResult result, const Response* response) {
      if (result == CallResult::Answered && self->on_agent_response(order, *response)) return true;
      self->calls_.erase(order.run);
      self->watched_.erase(order.idempotency_key);
      if (result == CallResult::NotSent) {
        self->sink_(core::event::RunNotTaken{order.run, "the gateway is not connected"});
      } else if (result == CallResult::Lost) {
        self->sink_(core::event::RunLost{order.run, "the connection to the gateway ended after the turn was handed over"});
      }
      return false;
    });
  }

  void report_progress(const AgentEvent& event) {
    const auto watched = watched_.find(event.run_id);
    if (watched == watched_.end()) return;
    if (auto text = decode_progress(event)) sink_(core::event::RunProgress{watched->second, std::move(*text)});
  }

  void on_up(const Hello& hello, std::chrono::milliseconds took) {
    hello_ = hello;
    boot_ = boots_.name(hello, took, now(), std::chrono::steady_clock::now());
    list_agents([self = shared_from_this()](bool listed) {
      if (!listed || self->ready_) return;
      self->ready_ = true;
      const auto& h = self->hello_;
      self->sink_(core::event::GatewayUp{.kind = "openclaw",
                                         .version = h.version,
                                         .boot_id = self->boot_.id,
                                         .keeps_keys = h.keeps_keys(),
                                         .agents = self->agents_});
    });
  }

  [[nodiscard]] std::string why_not_aborted(const Response& response) const {
    if (!response.ok) return "the gateway refused to stop the turn: " + response.failure.message;
    if (!hello_.keeps_keys()) return "OpenClaw " + hello_.version + " cannot stop a turn that was not typed into its chat";
    return "the gateway knows no such turn under way";
  }

  void on_down(std::string reason) {
    ready_ = false;
    sink_(core::event::GatewayDown{std::move(reason)});
  }

  // `done` learns whether agents_ is fresh. It is not called with false on connections that never came up.
  void list_agents(std::function<void(bool listed)> done) {
    client_->call("agents.list", nlohmann::json::object(),
                  [self = shared_from_this(), done = std::move(done)](CallResult result, const Response* response) {
                    const bool listed = result == CallResult::Answered && response->ok;
                    if (listed) self->take_agents(decode_agents(*response));
                    done(listed);
                    return false;
                  });
  }

  void refresh_agents() {
    if (ready_) list_agents([](bool) {});
  }

  void take_agents(std::vector<core::event::GatewayAgent> agents) {
    if (same_agents(agents, agents_)) return;
    agents_ = std::move(agents);
    if (ready_) sink_(core::event::GatewayAgents{agents_});
  }

  void resolve_known(const ResolveSession& order) {
    nlohmann::json params;
    if (order.label.empty()) {
      const auto key = full_key(order);
      if (!key.starts_with(agent_prefix(order.agent))) {
        return answer(order, Error{ErrorCode::Forbidden,
                                   "session " + key + " does not belong to agent \"" + order.agent + "\"", false});
      }
      if (key == agent_prefix(order.agent) + "main") return answer(order, key);  // exists even before its first turn
      params = {{"key", key}};
    } else {
      params = {{"label", order.label}, {"agentId", order.agent}};
    }
    client_->call("sessions.resolve", params,
                  [self = shared_from_this(), order](CallResult result, const Response* response) {
                    self->answer(order, result == CallResult::Answered ? resolved(order, *response)
                                                                       : Result<std::string>(self->not_connected()));
                    return false;
                  });
  }

  static Result<std::string> resolved(const ResolveSession& order, const Response& response) {
    if (!response.ok) return unresolved(order.agent, response.failure);
    auto key = text_member(response.payload, "key");
    if (key.starts_with(agent_prefix(order.agent))) return key;
    return unresolved(order.agent,
                      Failure{{},
                              {},
                              "No session found of agent \"" + order.agent + "\" with " +
                                  (order.label.empty() ? "key: " + order.session_key : "label: " + order.label)});
  }

  void answer(const ResolveSession& order, Result<std::string> key) {
    // Posted, because the key may be known at once and no answer comes from inside the call.
    asio::post(io_, [self = shared_from_this(), run = order.run, key = std::move(key)]() mutable {
      if (!self->client_->is_stopped()) self->sink_(core::event::SessionResolved{std::move(run), std::move(key)});
    });
  }

  // Returns true when another response is to come.
  bool on_agent_response(const StartRun& order, const Response& response) {
    auto& [accepted, aborted] = calls_[order.run];
    auto read = read_agent_response(response, accepted);
    if (auto* taken = std::get_if<Accepted>(&read)) {
      if (!std::exchange(accepted, true)) sink_(core::event::RunStarted{order.run, std::move(taken->run_id)});
      return true;
    }
    if (auto* running = std::get_if<InFlight>(&read)) {
      sink_(core::event::RunStarted{order.run, std::move(running->run_id)});
      recover_run({.run = order.run,
                   .idempotency_key = order.idempotency_key,
                   .agent = order.agent,
                   .session_key = order.session_key,
                   .source_channel = order.source_channel,
                   .text = order.text,
                   .boot_id = boot_.id,
                   .handed_over = now()},
                  true);
      return false;
    }
    if (auto* refused = std::get_if<NotTaken>(&read)) {
      sink_(core::event::RunNotTaken{order.run, std::move(refused->reason)});
      return false;
    }
    auto& reply = std::get<Ended>(read).reply;
    // 2026.9.6 has other words for a turn that is stopped while it is being prepared than for one that is under way.
    if (aborted && reply.status == ReplyStatus::Error) reply = cancelled_reply();
    if (accepted && reply.run_id.empty()) reply.run_id = order.idempotency_key;
    reply.session_key = order.session_key;
    sink_(core::event::RunEnded{order.run, std::move(reply)});
    return false;
  }

  [[nodiscard]] static WallTime now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }

  [[nodiscard]] bool knows(const std::string& agent) const {
    return std::ranges::find(agents_, agent, &core::event::GatewayAgent::id) != agents_.end();
  }

  [[nodiscard]] Error unknown_agent(const std::string& agent) const {
    std::string known;
    for (const auto& each : agents_) known += (known.empty() ? "" : ", ") + each.id;
    return {ErrorCode::UnknownAgent, "no agent \"" + agent + "\" on this gateway; it has: " + known, false};
  }

  [[nodiscard]] static Error not_connected() {
    return {ErrorCode::GatewayDown, "the gateway is not connected; try again when it is", true};
  }

  asio::io_context& io_;
  const core::EventSink sink_;
  const std::shared_ptr<Client> client_;
  Hello hello_;
  Boots boots_{machine_boot_id()};
  Boot boot_;
  bool ready_ = false;  // GatewayUp was reported, GatewayDown was not
  std::vector<core::event::GatewayAgent> agents_;
  std::map<core::RunKey, Call> calls_;  // the core limits the runs
  std::map<std::string, core::RunKey, std::less<>> watched_;  // by run id: runs under way whose progress is asked for
};

OpenClaw::OpenClaw(asio::io_context& io, OpenClawSettings settings, core::EventSink sink)
    : adapter_(std::make_shared<Adapter>(io, std::move(settings), std::move(sink))) {}
OpenClaw::~OpenClaw() {
  adapter_->stop();
}
void OpenClaw::start() {
  adapter_->start();
}
void OpenClaw::carry_out(const ResolveSession& order) {
  adapter_->resolve(order);
}
void OpenClaw::carry_out(const StartRun& order) {
  adapter_->start_run(order);
}
void OpenClaw::carry_out(const AbortRun& order) {
  adapter_->abort_run(order);
}
void OpenClaw::carry_out(const RecoverRun& order) {
  adapter_->recover_run(order);
}
void OpenClaw::carry_out(const core::action::ReadSessions& order) {
  adapter_->read(order);
}
void OpenClaw::stop() {
  adapter_->stop();
}

}  // namespace clawbridge::gateway
