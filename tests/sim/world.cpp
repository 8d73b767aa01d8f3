#include "tests/sim/world.h"

#include <algorithm>

namespace clawbridge::sim {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kNames[] = {"macbook", "imac", "studio", "hub"};
constexpr std::uint64_t kDoneMax = 1'000'000;
constexpr microseconds kLookEvery = seconds{1};

}  // namespace

Outcome run_seed(std::uint64_t seed, bool readable) { return World(RunOptions::draw(seed), readable).run(); }

World::World(const RunOptions& options, bool readable)
    : options_(options),
      trace_(scheduler_, readable),
      dice_(mix(options.seed) + 1),
      broker_(scheduler_, trace_, options_, dice_.fork()),
      exchanges_(scheduler_, trace_),
      surroundings_{scheduler_, trace_, options_, broker_, exchanges_},
      workload_(surroundings_, nodes_, dice_.fork()),
      key_generations_(options.gateways.size(), 0) {
  for (std::size_t i = 0; i < options_.gateways.size(); ++i) {
    std::vector<std::string> agents{"main"};
    if (dice_.chance(0.5)) agents.emplace_back("pepper");
    nodes_.push_back(std::make_unique<Node>(i, std::string(kNames[i]), std::move(agents), surroundings_, dice_.fork()));
    exchanges_.add_site(nodes_.back()->site());
  }
}

// ---- the two phases ----

Outcome World::run() {
  const auto end = scheduler_.now() + options_.length;
  start_bridges();
  workload_.start();
  schedule_faults();
  run_until(end);
  heal();
  const bool with_older = std::count(options_.gateways.begin(), options_.gateways.end(), GatewayKind::Older) != 0;
  if (!converge(with_older ? hours{4} : hours{1}) && going_well()) {
    // After a rotation bytes made for the old keys may be refused: a journal that was lost since knows the new ones only.
    if (!options_.rotations) {
      for (const auto& what : exchanges_.stuck()) trace_.violation("stuck", what);
    }
    // What cannot be taken any more ends when it expires, or a week later.
    trace_.count("runs that waited for an expiry");
    let_time_pass(hours{25});
    if (!converge(minutes{40})) let_time_pass(hours{15 * 24});
    if (!converge(minutes{40})) let_time_pass(hours{5 * 366 * 24});
    if (!converge(minutes{40}) && going_well()) trace_.violation("endless", "an exchange is still open long after it has expired");
  }
  run_until(scheduler_.now() + seconds{3});
  if (going_well()) {
    exchanges_.check_agreement();
    for (const auto& node : nodes_) node->check_answers();
  }
  return {trace_.hash(), trace_.counts(), trace_.violations()};
}

void World::run_until(Instant end) {
  while (going_well() && scheduler_.run_one(end)) {
    if (scheduler_.done() > kDoneMax) trace_.violation("endless", "the run does not come to its end");
  }
}

bool World::converge(microseconds time) {
  const auto end = scheduler_.now() + time;
  while (going_well() && scheduler_.now() < end) {
    const bool over = exchanges_.all_over() && std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->idle(); });
    trust_all();
    run_until(std::min(end, scheduler_.now() + kLookEvery));
    if (over && exchanges_.all_over()) return true;
  }
  return exchanges_.all_over();
}

void World::start_bridges() {
  for (auto& node : nodes_) {
    draw_policy(node->site().options.policy, options_.policy_changes);
    node->on_death = [this, &node = *node](bool crashed) { died(node, crashed); };
    scheduler_.after(dice_.time(microseconds{0}, seconds{1}), [this, &node = *node] {
      node.boot(false);
      if (options_.crash_every != 0) node.die_in(1 + dice_.below(2 * options_.crash_every));
    });
  }
}

// ---- deaths ----

void World::died(Node& node, bool crashed) {
  const auto away = healed_ ? milliseconds{100} : dice_.spread(milliseconds{10}, dice_.chance(0.1) ? minutes{10} : seconds{20});
  scheduler_.after(away, [this, &node, crashed] {
    if (node.running()) return;
    change_settings(node);
    node.boot(crashed && !healed_ && dice_.chance(options_.lose_journal));
    if (healed_) exchanges_.healed();  // with the last that comes back
    if (options_.crash_every != 0 && !healed_) node.die_in(1 + dice_.below(2 * options_.crash_every));
  });
}

void World::change_settings(Node& node) {
  if (healed_) return;
  if (options_.policy_changes && dice_.chance(0.5)) draw_policy(node.site().options.policy, true);
  if (options_.rotations && dice_.chance(0.5)) rotate_keys(node);
}

void World::draw_policy(std::vector<core::PolicyRule>& policy, bool with_denials) {
  policy.clear();
  const auto rule = [&](std::string from, std::string to, std::vector<std::string> sessions, bool allow) -> core::PolicyRule& {
    core::PolicyRule made;
    made.from = {std::move(from)};
    made.to = {std::move(to)};
    made.sessions = std::move(sessions);
    (allow ? made.allow : made.deny) = {Operation::SessionsSend};
    made.place = "sim:" + std::to_string(policy.size());
    return policy.emplace_back(std::move(made));
  };
  if (dice_.chance(0.7)) {
    rule("*", "*", {}, true).allow = {Operation::SessionsSpawn};  // which nobody may otherwise
  }
  if (!with_denials) return;
  const auto& other = any().site().name;
  switch (dice_.below(6)) {
    case 0: rule(other + "/*", "*", {}, false); break;
    case 1: rule("*", "main", {"agent:main:desk", "agent:main:work"}, false); break;
    case 2:
      rule("*", "*", {"agent:main:main", "agent:pepper:main"}, true);
      rule("*", "*", {}, false);
      break;
    case 3: rule("*", "*", {}, true).concurrent = 1; break;
    case 4: rule(other + "/*", "*", {}, true).open = 2; break;
    default: break;
  }
}

// What may be changed while a bridge runs. Sealing stays: a bridge that seals always and one that never does have nothing to say to each other.
void World::reload(Node& node) {
  auto to = std::make_shared<core::Changeable>(node.site().options);
  draw_policy(to->policy, true);
  draw_limits(to->limits, dice_);
  if (dice_.chance(0.3)) to->agent_names = !to->agent_names;
  node.change(std::move(to));
}

// Once at most: bytes that are older than two rotations are refused, and wait until they expire.
void World::rotate_keys(Node& node) {
  const auto number = static_cast<std::size_t>(std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& each) { return each.get() == &node; }) - nodes_.begin());
  if (key_generations_[number] != 0) return;
  trace_.count("keys rotated");
  auto& options = node.site().options;
  core::PreviousKeys previous{options.keys, node.site().clock() + core::kPreviousKeysTaken, {}};
  options.keys = make_keys(node.site().name, ++key_generations_[number]);
  const auto fingerprint = core::fingerprint_of(crypto_, options.keys.sign.public_key, options.keys.box.public_key);
  previous.proof = crypto_.sign(previous.keys.sign.secret, "clawbridge.v1.rotate|" + node.site().name + "|", core::as_text(fingerprint));
  options.previous_keys = previous;
}

// ---- faults ----

void World::schedule(unsigned count, std::function<void()> fault) {
  for (unsigned i = 0; i < count; ++i) scheduler_.after(dice_.time(microseconds{0}, options_.length), [this, fault] {
    if (!healed_) fault();
  });
}

void World::schedule_faults() {
  const auto& faults = options_.faults;
  schedule(faults.broker_restarts, [this] { broker_.restart(options_.forgets_on_restart, dice_.spread(milliseconds{10}, seconds{30})); });
  schedule(faults.cuts, [this] {
    const auto way = dice_.below(3);
    const auto time = dice_.spread(milliseconds{100}, minutes{10});
    broker_.cut(dice_.below(nodes_.size()), way != 1, way != 2, time);  // (drawn apart: compilers differ in which argument comes first)
  });
  schedule(faults.clock_jumps, [this] { jump_clocks(); });
  schedule(faults.shutdowns, [this] { any().shut_down(); });
  schedule(faults.pauses, [this] { any().pause(dice_.spread(seconds{1}, hours{1})); });
  schedule(faults.full_disks, [this] { any().fill_disk(dice_.spread(milliseconds{10}, seconds{60})); });
  schedule(faults.gateway_crashes, [this] { any().gateway().crash(dice_.spread(milliseconds{100}, minutes{2})); });
  schedule(faults.gateway_stops, [this] { any().gateway().terminate(dice_.spread(milliseconds{100}, minutes{2})); });
  schedule(faults.socket_cuts, [this] { any().gateway().cut_socket(dice_.spread(milliseconds{1}, seconds{30})); });
  schedule(faults.silences, [this] { any().gateway().fall_silent(dice_.spread(seconds{10}, minutes{10})); });
  schedule(faults.replays, [this] { broker_.replay(); });
  schedule(faults.revocations, [this] { revoke(); });
  schedule(faults.reloads, [this] { reload(any()); });
}

// One machine's clock goes wrong, for good or for a while; or time passes everywhere while all are asleep.
void World::jump_clocks() {
  trace_.count("clock jumps");
  const auto by = std::chrono::duration_cast<milliseconds>(dice_.spread(seconds{1}, hours{3 * 366 * 24}));
  if (dice_.chance(0.4)) {
    let_time_pass(std::min<milliseconds>(by, hours{30 * 24}));
    return;
  }
  auto& node = any();
  node.jump_clock(dice_.chance(0.5) ? by : -by);
  if (!dice_.chance(0.7)) return;
  scheduler_.after(dice_.spread(milliseconds{100}, minutes{2}), [this, &node] {
    if (!healed_) node.set_clock(world_clock_off_);
  });
}

void World::let_time_pass(milliseconds time) {
  world_clock_off_ += time;
  for (auto& node : nodes_) node->jump_clock(time);
}

void World::revoke() {
  trace_.count("peers revoked");
  auto& here = any();
  auto& there = any();
  if (&here == &there) return;
  core::event::LocalRevoke revoke;
  revoke.gateway = there.site().name;
  here.ask(std::move(revoke));
  scheduler_.after(dice_.spread(milliseconds{100}, minutes{2}), [this, &here, &there] { trust(here, there); });
}

void World::trust(Node& here, const Node& there) {
  const auto& keys = there.site().options.keys;
  core::event::LocalTrust trust;
  trust.gateway = there.site().name;
  trust.fingerprint = hex_encode(core::fingerprint_of(crypto_, keys.sign.public_key, keys.box.public_key));
  here.ask(std::move(trust));
}

// ---- healing ----

void World::heal() {
  trace_.line("world", "healed");
  healed_ = true;
  exchanges_.healed();
  broker_.heal();
  for (auto& node : nodes_) {
    node->heal();
    node->set_clock(world_clock_off_);
    node->gateway().heal();
  }
}

// A person puts right what a person can.
void World::trust_all() {
  for (auto& here : nodes_) {
    for (auto& there : nodes_) {
      const auto* peer = here->site().journal->committed_peer(there->site().name);
      if (here == there || peer == nullptr || !here->running()) continue;
      if (peer->trust == core::PeerTrust::Revoked || peer->trust == core::PeerTrust::Pending) trust(*here, *there);
    }
  }
}

}  // namespace clawbridge::sim
