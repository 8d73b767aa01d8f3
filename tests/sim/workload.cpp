#include "tests/sim/workload.h"

namespace clawbridge::sim {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void Workload::start() {
  const auto length = world_.options.length;
  const bool bursts = dice_.chance(0.4);
  Instant burst = world_.scheduler.now();
  for (std::size_t i = 0; i < world_.options.exchanges; ++i) {
    if (!bursts || dice_.chance(0.1)) burst = world_.scheduler.now() + dice_.time(microseconds{0}, length);
    world_.scheduler.at(burst + dice_.time(microseconds{0}, milliseconds{5}), [this] { send(); });
    if (dice_.chance(0.2)) world_.scheduler.after(dice_.time(microseconds{0}, length), [this] { ask_again(); });
    if (dice_.chance(world_.options.cancel)) world_.scheduler.after(dice_.time(microseconds{0}, length), [this] { cancel(); });
    if (dice_.chance(0.05)) world_.scheduler.after(dice_.time(microseconds{0}, length), [this] { deal_with_dead(); });
  }
}

void Workload::send() {
  auto& from = *nodes_[dice_.below(nodes_.size())];
  auto* to = nodes_[dice_.below(nodes_.size())].get();
  const bool local = dice_.chance(world_.options.local);
  while (!local && to == &from) to = nodes_[dice_.below(nodes_.size())].get();
  if (local) to = &from;
  core::event::LocalSend send;
  send.caller_agent = dice_.chance(0.5) ? std::string(kBridgeAgent) : from.agents().front();
  send.gateway = dice_.chance(0.02) ? "nowhere" : to->site().name;
  send.agent = dice_.chance(0.02) ? "nobody" : dice_.pick(to->agents());
  const auto session = dice_.below(10);
  if (session == 0) send.session_key = "agent:" + send.agent + ":work";
  if (session == 1) send.session_key = "agent:" + send.agent + ":main";
  if (session == 2) send.label = "desk";
  if (session == 3 && dice_.chance(0.3)) send.label = "attic";  // nobody has that
  send.message = "text " + std::to_string(++texts_) + " ";
  if (dice_.chance(0.3)) send.message.append(dice_.below(world_.options.text_bytes + 1), 'x');
  const auto wait = dice_.below(3);
  send.wait = wait == 0 ? milliseconds{0} : wait == 1 ? milliseconds{dice_.between(1, 3'000)} : milliseconds{30'000};
  if (dice_.chance(world_.options.short_expiry)) {
    send.expires_in = std::chrono::duration_cast<milliseconds>(dice_.spread(seconds{1}, seconds{600}));
  } else if (dice_.chance(0.1)) {
    send.expires_in = std::chrono::duration_cast<milliseconds>(dice_.spread(seconds{600}, hours{7 * 24}));
  }
  if (dice_.chance(0.6)) send.late_reply = dice_.chance(0.5) ? core::event::LateReply::Keep : core::event::LateReply::Deliver;
  const bool spawns = dice_.chance(0.1);
  const auto ticket = spawns ? from.ask(spawn_like(send)) : from.ask(std::move(send));
  if (ticket != 0 && dice_.chance(0.05)) {
    world_.scheduler.after(dice_.time(milliseconds{1}, seconds{10}), [&from, ticket, life = from.lives()] {
      if (life == from.lives()) from.leave(ticket);
    });
  }
}

// Rather one that is open, and rather a young one.
void Workload::cancel() {
  auto& from = *nodes_[dice_.below(nodes_.size())];
  const auto& exchanges = from.site().journal->committed_outgoing();
  std::vector<std::string> ids;
  for (const auto& [id, record] : exchanges) {
    if (record.op == Operation::SessionsSend && (record.status.empty() || dice_.chance(0.1))) ids.push_back(id);
  }
  if (ids.empty()) return;
  core::event::LocalCancel cancel;
  cancel.id = dice_.chance(0.5) ? ids.back() : dice_.pick(ids);
  cancel.wait = milliseconds{dice_.between(0, 20'000)};
  (void)from.ask(std::move(cancel));
}

void Workload::deal_with_dead() {
  auto& from = *nodes_[dice_.below(nodes_.size())];
  const auto dead = from.site().journal->dead_outgoing(10);
  if (dead.empty()) return;
  const auto& id = dice_.pick(dead).id;
  if (dice_.chance(0.5)) {
    from.ask(core::event::LocalReplay{0, id});
  } else {
    from.ask(core::event::LocalDrop{0, id});
  }
}

// Waits for an exchange of earlier, or asks another gateway what it has.
void Workload::ask_again() {
  auto& from = *nodes_[dice_.below(nodes_.size())];
  const auto& exchanges = from.site().journal->committed_outgoing();
  if (dice_.chance(0.5) && !exchanges.empty()) {
    auto at = exchanges.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(dice_.below(exchanges.size())));
    core::event::LocalWait wait;
    wait.id = at->first;
    wait.wait = milliseconds{dice_.between(0, 20'000)};
    (void)from.ask(std::move(wait));
    return;
  }
  core::event::LocalAsk ask;
  if (dice_.chance(0.5)) ask.what = body::AgentsList{};
  ask.gateway = nodes_[dice_.below(nodes_.size())]->site().name;
  (void)from.ask(std::move(ask));
}

core::event::LocalSpawn Workload::spawn_like(const core::event::LocalSend& send) {
  core::event::LocalSpawn spawn;
  spawn.caller_agent = send.caller_agent;
  spawn.gateway = send.gateway;
  spawn.agent = send.agent;
  spawn.spawn.task = send.message;
  spawn.wait = send.wait;
  spawn.expires_in = send.expires_in;
  spawn.late_reply = send.late_reply;
  spawn.until_ended = dice_.chance(0.3);
  return spawn;
}

}  // namespace clawbridge::sim
