#include "bridge/runtime/runtime.h"

#include <algorithm>
#include <chrono>

namespace clawbridge::runtime {
namespace {

using namespace std::chrono_literals;

// Broker messages between Paho's thread and the core: beyond this one is dropped, as a broker would.
constexpr std::size_t kMessagesWaitingMax = 8'192;
constexpr std::size_t kBytesWaitingMax = std::size_t{64} << 20;
// Events that share one commit; bounds how long a turn keeps the others waiting.
constexpr std::size_t kEventsPerCommit = 512;
// From this many open exchanges on, a turn gathers events for this long. Measured with `make bench` at 64 in flight.
constexpr std::size_t kBusyFrom = 8;
constexpr auto kGatherTime = 200us;

Now clocks() {
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  return {Instant{std::chrono::duration_cast<std::chrono::microseconds>(monotonic)},
          std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

}  // namespace

Runtime::Runtime(asio::io_context& io, core::Core& core, Hands& hands)
    : io_(io), core_(core), hands_(hands), deadline_(io), commit_retry_(io), gather_(io), traffic_(core.topics()) {}

Runtime::~Runtime() = default;

core::EventSink Runtime::sink() {
  return [this](core::Event event) { post(std::move(event)); };
}

void Runtime::start() { post(core::event::Tick{}); }

void Runtime::shut_down() { post(core::event::Shutdown{}); }

void Runtime::take_settings(std::shared_ptr<const core::Changeable> settings) { post(core::event::SettingsChanged{std::move(settings)}); }

// Any thread. Only the first event since the last turn wakes the io thread.
void Runtime::post(core::Event event) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto* message = std::get_if<core::event::BrokerMessage>(&event)) {
      if (messages_waiting_ >= kMessagesWaitingMax || bytes_waiting_ + message->payload.size() > kBytesWaitingMax) {
        messages_dropped_.fetch_add(1);
        return;
      }
      ++messages_waiting_;
      bytes_waiting_ += message->payload.size();
    }
    posted_.push_back(std::move(event));
    if (turn_pending_) return;
    turn_pending_ = true;
  }
  asio::post(io_, [this] { schedule_turn(); });
}

void Runtime::schedule_turn() {
  if (commit_failing_) return;  // its retry goes on with what waits
  if (core_.open() < kBusyFrom) {
    turn();
    return;
  }
  gather_.expires_after(kGatherTime);
  gather_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) turn();
  });
}

// Moves what was posted to the events of the next turns. False when there is nothing at all.
bool Runtime::take_posted() {
  const std::lock_guard lock(mutex_);
  for (auto& event : posted_) events_.push_back(std::move(event));
  posted_.clear();
  const auto taken = std::min(events_.size(), kEventsPerCommit);
  for (std::size_t i = 0; i < taken; ++i) {
    if (const auto* message = std::get_if<core::event::BrokerMessage>(&events_[i])) {
      --messages_waiting_;
      bytes_waiting_ -= message->payload.size();
    }
  }
  turn_pending_ = !events_.empty();
  return turn_pending_;
}

void Runtime::turn() {
  if (!take_posted()) return;
  const auto now = clocks();
  for (std::size_t taken = 0; taken < kEventsPerCommit && !events_.empty(); ++taken) {
    auto event = std::move(events_.front());
    events_.pop_front();
    for (auto& action : step(now, std::move(event))) {
      if (auto* store = std::get_if<core::action::Store>(&action)) {
        hands_.apply(std::move(store->order));
        uncommitted_ = true;
      } else {
        pending_.push_back(std::move(action));
      }
    }
  }
  commit_and_act();
}

// Who watches sees a message when the core has judged it.
core::Actions Runtime::step(const Now& now, core::Event event) {
  const auto* message = watchers_.empty() ? nullptr : std::get_if<core::event::BrokerMessage>(&event);
  if (message == nullptr) return core_.step(now, std::move(event));
  const auto copy = *message;
  auto actions = core_.step(now, std::move(event));
  std::string_view refused;
  for (const auto& action : actions) {
    const auto* note = std::get_if<core::action::Note>(&action);
    if (note != nullptr && note->name.starts_with("dropped.")) refused = note->name;
  }
  show(traffic_.received(copy.topic, copy.payload, refused));
  return actions;
}

void Runtime::commit_and_act() {
  const auto begin = std::chrono::steady_clock::now();
  if (const auto error = hands_.commit()) {
    commit_failing_ = true;
    ++commits_failed_;
    core::action::Note note{core::action::Level::Error, "store.commit_failed", {{"reason", error->message}, {"remedy", "nothing is lost; it is tried again every second"}}};
    hands_.carry_out(note);
    commit_retry_.expires_after(1s);
    commit_retry_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) commit_and_act();
    });
    return;
  }
  commit_failing_ = false;
  if (std::exchange(uncommitted_, false)) commits_.observe(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin));
  act();
  arm_timer();
  // What came meanwhile, from the actions themselves (an answer at once) or from outside, has its turn next.
  const std::lock_guard lock(mutex_);
  turn_pending_ = !posted_.empty() || !events_.empty();
  if (turn_pending_) asio::post(io_, [this] { schedule_turn(); });
}

void Runtime::act() {
  auto actions = std::exchange(pending_, {});
  for (auto& action : actions) {
    std::visit(
        [this](auto& order) {
          using Order = std::decay_t<decltype(order)>;
          if constexpr (std::is_same_v<Order, core::action::Answer>) {
            answer(order);
          } else if constexpr (std::is_same_v<Order, core::action::Progress>) {
            tell_progress(order);
          } else if constexpr (std::is_same_v<Order, core::action::Note>) {
            show(order);
            hands_.carry_out(order);
          } else if constexpr (std::is_same_v<Order, core::action::Publish>) {
            if (!watchers_.empty()) show(traffic_.sent(order.topic, order.payload));
            hands_.carry_out(order);
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
  progress_.erase(answer.ticket);
  std::visit(
      [&](auto& result) {
        using Result = std::decay_t<decltype(result)>;
        if (const auto* done = std::get_if<std::function<void(Result)>>(&callback)) (*done)(std::move(result));
      },
      answer.result);
}

void Runtime::tell_progress(core::action::Progress& progress) {
  for (const auto ticket : progress.tickets) {
    if (const auto found = progress_.find(ticket); found != progress_.end()) found->second(progress.text);
  }
  if (!watchers_.empty()) {
    show({core::action::Level::Debug, "exchange.progress", {{"cid", std::move(progress.id)}, {"text", std::move(progress.text)}}});
  }
}

// A watcher may leave, or let others in, while it is told.
void Runtime::show(core::action::Note note) {
  if (watchers_.empty()) return;
  const bool of_exchange = std::any_of(note.fields.begin(), note.fields.end(), [](const auto& field) { return field.first == "cid"; });
  if (!of_exchange && !note.name.starts_with("message.")) return;
  note.fields.emplace_back("time", format_time(clocks().wall));
  std::vector<std::uint64_t> present;
  for (const auto& [watcher, see] : watchers_) present.push_back(watcher);
  for (const auto watcher : present) {
    if (const auto found = watchers_.find(watcher); found != watchers_.end()) {
      const auto see = found->second;
      see(note);
    }
  }
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
    post(core::event::Tick{});
  });
}

// ---- the service ----

template <class Request, class Done>
core::Ticket Runtime::ask_core(Request request, Done done) {
  const auto ticket = next_ticket_++;
  request.ticket = ticket;
  callbacks_.emplace(ticket, std::move(done));
  post(std::move(request));
  return ticket;
}

core::Ticket Runtime::send(core::event::LocalSend request, std::function<void(core::SendResult)> done,
                           std::function<void(const std::string&)> progress) {
  const auto ticket = ask_core(std::move(request), std::move(done));
  if (progress) progress_.emplace(ticket, std::move(progress));
  return ticket;
}
core::Ticket Runtime::spawn(core::event::LocalSpawn request, std::function<void(core::SendResult)> done,
                            std::function<void(const std::string&)> progress) {
  const auto ticket = ask_core(std::move(request), std::move(done));
  if (progress) progress_.emplace(ticket, std::move(progress));
  return ticket;
}
core::Ticket Runtime::wait(core::event::LocalWait request, std::function<void(core::SendResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::stop(core::event::LocalCancel request, std::function<void(core::CancelResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::replay(core::event::LocalReplay request, std::function<void(core::SendResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::drop(core::event::LocalDrop request, std::function<void(core::SendResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::ask(core::event::LocalAsk request, std::function<void(core::AskResult)> done) {
  return ask_core(std::move(request), std::move(done));
}
core::Ticket Runtime::trust(core::event::LocalTrust request, std::function<void(core::TrustResult)> done) {
  return ask_core(std::move(request), std::move(done));
}

core::Ticket Runtime::revoke(core::event::LocalRevoke request, std::function<void(core::TrustResult)> done) {
  return ask_core(std::move(request), std::move(done));
}

void Runtime::cancel(core::Ticket ticket) {
  progress_.erase(ticket);
  if (callbacks_.erase(ticket) > 0) post(core::event::LocalGone{ticket});
}

std::uint64_t Runtime::watch(std::function<void(const core::action::Note&)> see) {
  watchers_.emplace(next_watcher_, std::move(see));
  return next_watcher_++;
}
void Runtime::unwatch(std::uint64_t watcher) { watchers_.erase(watcher); }

core::StatusView Runtime::status() {
  auto view = core_.status();
  view.counters["queue.dropped"] = messages_dropped_.load();
  const std::lock_guard lock(mutex_);
  view.counters["queue.waiting"] = messages_waiting_;
  view.queues.push_back({"broker_messages", messages_waiting_, kMessagesWaitingMax});
  view.journal_failing = commit_failing_;
  view.counters["store.commit_failed"] = commits_failed_;
  return view;
}
std::vector<core::PeerView> Runtime::peers() { return core_.peers(); }
std::vector<core::AgentView> Runtime::agents() { return core_.agents(); }
std::optional<core::ExchangeView> Runtime::exchange(std::string_view id) { return core_.exchange(id); }
std::vector<core::ExchangeView> Runtime::exchanges(std::size_t limit) { return core_.exchanges(limit); }
std::vector<core::ExchangeView> Runtime::dead(std::size_t limit) { return core_.dead(limit); }

}  // namespace clawbridge::runtime
