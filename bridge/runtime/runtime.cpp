#include "bridge/runtime/runtime.h"

#include <chrono>

namespace clawbridge::runtime {
namespace {

using namespace std::chrono_literals;

// Broker messages between Paho's thread and the core: beyond this one is dropped, as a broker would.
constexpr std::size_t kMessagesWaitingMax = 8'192;
// Events that share one commit; bounds how long a turn keeps the others waiting.
constexpr std::size_t kEventsPerCommit = 512;

Now clocks() {
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  return {Instant{std::chrono::duration_cast<std::chrono::microseconds>(monotonic)},
          std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

}  // namespace

Runtime::Runtime(asio::io_context& io, core::Core& core, Hands& hands)
    : io_(io), core_(core), hands_(hands), deadline_(io), commit_retry_(io) {}

Runtime::~Runtime() = default;

core::EventSink Runtime::sink() {
  return [this](core::Event event) { post(std::move(event)); };
}

void Runtime::start() { enqueue(core::event::Tick{}); }

void Runtime::shut_down() { enqueue(core::event::Shutdown{}); }

// Any thread.
void Runtime::post(core::Event event) {
  const bool message = std::holds_alternative<core::event::BrokerMessage>(event);
  if (message && messages_waiting_.fetch_add(1) >= kMessagesWaitingMax) {
    messages_waiting_.fetch_sub(1);
    messages_dropped_.fetch_add(1);
    return;
  }
  asio::post(io_, [this, taken = std::move(event)]() mutable { enqueue(std::move(taken)); });
}

void Runtime::enqueue(core::Event event) {
  events_.push_back(std::move(event));
  if (turn_posted_ || commit_failing_) return;
  turn_posted_ = true;
  asio::post(io_, [this] { turn(); });
}

void Runtime::turn() {
  turn_posted_ = false;
  const auto now = clocks();
  for (std::size_t taken = 0; taken < kEventsPerCommit && !events_.empty(); ++taken) {
    auto event = std::move(events_.front());
    events_.pop_front();
    if (std::holds_alternative<core::event::BrokerMessage>(event)) messages_waiting_.fetch_sub(1);
    for (auto& action : core_.step(now, std::move(event))) {
      if (auto* store = std::get_if<core::action::Store>(&action)) {
        hands_.apply(std::move(store->order));
      } else {
        pending_.push_back(std::move(action));
      }
    }
  }
  commit_and_act();
}

void Runtime::commit_and_act() {
  if (const auto error = hands_.commit()) {
    commit_failing_ = true;
    core::action::Note note{core::action::Level::Error, "store.commit_failed", {{"reason", error->message}, {"remedy", "nothing is lost; it is tried again every second"}}};
    hands_.carry_out(note);
    commit_retry_.expires_after(1s);
    commit_retry_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) commit_and_act();
    });
    return;
  }
  commit_failing_ = false;
  act();
  if (!events_.empty() && !turn_posted_) {
    turn_posted_ = true;
    asio::post(io_, [this] { turn(); });
  }
  arm_timer();
}

void Runtime::act() {
  auto actions = std::exchange(pending_, {});
  for (auto& action : actions) {
    std::visit(
        [this](auto& order) {
          using Order = std::decay_t<decltype(order)>;
          if constexpr (std::is_same_v<Order, core::action::Answer>) {
            answer(order);
          } else if constexpr (!std::is_same_v<Order, core::action::Store>) {
            hands_.carry_out(order);
          }
        },
        action);
  }
}

void Runtime::answer(core::action::Answer& answer) {
  const auto found = callbacks_.find(answer.ticket);
  if (found == callbacks_.end()) return;
  const auto callback = std::move(found->second);
  callbacks_.erase(found);
  std::visit(
      [&](auto& result) {
        using Result = std::decay_t<decltype(result)>;
        if (const auto* done = std::get_if<std::function<void(Result)>>(&callback)) (*done)(std::move(result));
      },
      answer.result);
}

void Runtime::arm_timer() {
  const auto next = core_.next_deadline();
  if (next == armed_) return;
  armed_ = next;
  if (!next) {
    deadline_.cancel();
    return;
  }
  deadline_.expires_at(std::chrono::steady_clock::time_point(next->time_since_epoch()));
  deadline_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    armed_.reset();
    enqueue(core::event::Tick{});
  });
}

// ---- the service ----

template <class Request, class Done>
core::Ticket Runtime::ask_core(Request request, Done done) {
  const auto ticket = next_ticket_++;
  request.ticket = ticket;
  callbacks_.emplace(ticket, std::move(done));
  enqueue(std::move(request));
  return ticket;
}

core::Ticket Runtime::send(core::event::LocalSend request, std::function<void(core::SendResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::wait(core::event::LocalWait request, std::function<void(core::SendResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::ask(core::event::LocalAsk request, std::function<void(core::AskResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::trust(core::event::LocalTrust request, std::function<void(core::TrustResult)> done) {
  return ask_core(std::move(request), std::move(done));
}

void Runtime::cancel(core::Ticket ticket) {
  if (callbacks_.erase(ticket) > 0) enqueue(core::event::LocalGone{ticket});
}

core::StatusView Runtime::status() {
  auto view = core_.status();
  view.counters["queue.dropped"] = messages_dropped_.load();
  view.counters["queue.waiting"] = messages_waiting_.load();
  return view;
}
std::vector<core::PeerView> Runtime::peers() { return core_.peers(); }
std::vector<core::AgentView> Runtime::agents() { return core_.agents(); }
std::optional<core::ExchangeView> Runtime::exchange(std::string_view id) { return core_.exchange(id); }
std::vector<core::ExchangeView> Runtime::exchanges(std::size_t limit) { return core_.exchanges(limit); }

}  // namespace clawbridge::runtime
