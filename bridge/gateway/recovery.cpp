#include "bridge/gateway/recovery.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "bridge/gateway/history.h"

namespace clawbridge::gateway {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kWait{30};      // one agent.wait for a turn that this boot of the gateway may run
constexpr std::chrono::seconds kLookAgain{3};  // the same where it only passes the time: after a restart
constexpr std::chrono::seconds kPause{1};      // after a question that the gateway may have answered at once
constexpr int kHistoryLimit = 1000;            // what both versions allow
// Text per row that 2026.9 is asked for. Rows above 128 KiB are replaced by a note; then its own default is asked for.
constexpr int kHistoryChars = 100'000;

// One recovery under way. Lives in the frame of recover().
class Search {
 public:
  Search(std::shared_ptr<Client> client, core::EventSink sink, Recovery recovery)
      : client_(std::move(client)),
        sink_(std::move(sink)),
        recovery_(std::move(recovery)),
        began_(std::chrono::steady_clock::now()) {
    const auto& order = recovery_.order;
    const auto& hello = recovery_.hello;
    same_boot_ = is_same_boot(recovery_.boot, order.boot_id, order.handed_over);
    query_ = {order.idempotency_key, order.source_channel, order.handed_over, hello.keeps_keys()};
    waited_for_ = order.idempotency_key;
  }

  asio::awaitable<void> run() {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    for (bool first = true; !client_->is_stopped(); first = false) {
      // The first question is only whether the gateway knows at once.
      const auto patience =
          first ? std::chrono::milliseconds(1) : std::chrono::milliseconds(same_boot_ || runs_ ? kWait : kLookAgain);
      const auto wait = co_await client_->ask("agent.wait", wait_params(patience));
      if (lost(wait)) co_return;
      const auto answer = read_wait_response(wait.response);
      const bool ours = waited_for_ == query_.idempotency_key;
      if (ours && finish_by_wait(answer)) co_return;
      if (ours && std::holds_alternative<StillOpen>(answer) && std::get<StillOpen>(answer).known) {
        report_started();
        pause.expires_after(kPause);
        co_await pause.async_wait(asio::use_awaitable);
        continue;
      }
      auto history = co_await fetch_history(true);
      if (lost(history)) co_return;
      auto turn = find_turn(history.response.payload, query_);
      if (!history.response.ok || (turn.answer && turn.answer->omitted)) {
        history = co_await fetch_history(false);
        if (lost(history)) co_return;
        turn = find_turn(history.response.payload, query_);
      }
      if (!history.response.ok) {
        if (finish(judge_unreadable(history.response.failure, searched()), answer, false)) co_return;
      } else if (finish_by_history(turn, ours && std::holds_alternative<EndedUntold>(answer), answer)) {
        co_return;
      }
      // What is refused is refused at once, and the next question would be too.
      if (!history.response.ok || !wait.response.ok) {
        pause.expires_after(kPause);
        co_await pause.async_wait(asio::use_awaitable);
      }
    }
  }

 private:
  using WaitAnswer = std::variant<StillOpen, Ended, EndedUntold, NotTaken>;

  bool lost(const Client::Answer& answer) {
    if (answer.result == CallResult::Answered) return false;
    if (!client_->is_stopped())
      sink_(
          core::event::RunLost{recovery_.order.run, "the connection to the gateway ended while looking for the turn"});
    return true;
  }

  // GCC 12 cannot build JSON from braces inside a coroutine, so these are functions of their own.
  [[nodiscard]] json wait_params(std::chrono::milliseconds patience) const {
    return {{"runId", waited_for_}, {"timeoutMs", patience.count()}};
  }

  asio::awaitable<Client::Answer> fetch_history(bool whole_texts) {
    json params = {{"sessionKey", recovery_.order.session_key}, {"limit", kHistoryLimit}};
    if (whole_texts && query_.keeps_keys) params["maxChars"] = kHistoryChars;
    return client_->ask("chat.history", std::move(params));
  }

  bool finish_by_wait(const WaitAnswer& answer) {
    if (const auto* ended = std::get_if<Ended>(&answer)) {
      report_ended(ended->reply);
      return true;
    }
    if (const auto* not_taken = std::get_if<NotTaken>(&answer)) {
      sink_(core::event::RunNotTaken{recovery_.order.run, not_taken->reason});
      return true;
    }
    return false;
  }

  [[nodiscard]] std::chrono::milliseconds searched() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
  }

  [[nodiscard]] std::chrono::milliseconds uptime() const {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - recovery_.boot.up_since);
  }

  bool finish_by_history(const Turn& turn, bool ended, const WaitAnswer& answer) {
    const Circumstances circumstances{.same_boot = same_boot_,
                                      .keeps_keys = query_.keeps_keys,
                                      .ended = ended,
                                      .uptime = uptime(),
                                      .searched = searched()};
    const auto verdict = judge(turn, circumstances);
    if (finish(verdict, answer, ended)) return true;
    runs_ = std::get<LookAgain>(verdict).runs && !turn.running_id.empty();
    // After a restart the gateway goes on with the turn under a new run id: that is the one to wait for.
    waited_for_ = turn.recovered && runs_ ? turn.running_id : query_.idempotency_key;
    if (std::get<LookAgain>(verdict).runs) report_started();
    return false;
  }

  // Reports a verdict that ends the search.
  bool finish(const std::variant<LookAgain, Ended, NotTaken>& verdict, const WaitAnswer& answer, bool ended) {
    if (const auto* end = std::get_if<Ended>(&verdict)) {
      auto reply = end->reply;
      const auto* untold = std::get_if<EndedUntold>(&answer);
      // agent.wait had the beginning of a text that the history does not show: better than nothing, and marked.
      if (ended && untold != nullptr && !untold->beginning.empty() && reply.status != ReplyStatus::Ok) {
        reply = make_reply(ReplyStatus::Ok, untold->beginning);
        reply.truncated = true;
      }
      report_ended(std::move(reply));
      return true;
    }
    if (const auto* not_taken = std::get_if<NotTaken>(&verdict)) {
      sink_(core::event::RunNotTaken{recovery_.order.run, not_taken->reason});
      return true;
    }
    return false;
  }

  void report_started() {
    if (std::exchange(recovery_.is_started, true)) return;
    sink_(core::event::RunStarted{recovery_.order.run, query_.idempotency_key});
  }

  void report_ended(body::Reply reply) {
    if (reply.run_id.empty()) reply.run_id = query_.idempotency_key;
    reply.session_key = recovery_.order.session_key;
    sink_(core::event::RunEnded{recovery_.order.run, std::move(reply)});
  }

  std::shared_ptr<Client> client_;
  core::EventSink sink_;
  Recovery recovery_;
  TurnQuery query_;
  std::chrono::steady_clock::time_point began_;
  std::string waited_for_;
  bool same_boot_ = false;
  bool runs_ = false;  // a run of the session is under way
};

}  // namespace

asio::awaitable<void> recover(std::shared_ptr<Client> client, core::EventSink sink, Recovery recovery) {
  Search search(std::move(client), std::move(sink), std::move(recovery));
  co_await search.run();
}

}  // namespace clawbridge::gateway
