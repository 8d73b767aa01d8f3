#include "tests/sim/options.h"

#include <algorithm>

namespace clawbridge::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kBridgesMax = 4;

void draw_broker(RunOptions& run, Dice& dice) {
  run.mqtt5 = dice.chance(0.6);
  if (run.mqtt5 && dice.chance(0.15)) run.packet_bytes_max = dice.between(3'000, 8'000);
  run.keeps_sessions = dice.chance(0.8);
  run.keeps_retained = dice.chance(0.8);
  run.forgets_on_restart = dice.chance(0.6);
  if (dice.chance(0.2)) run.queue_max = dice.between(1, 20);
  run.latency = dice.spread(microseconds{100}, dice.chance(0.2) ? seconds{8} : milliseconds{100});
  if (dice.chance(0.4)) run.drop = dice.chance(0.2) ? 0.4 : dice.fraction() * 0.15;
  if (dice.chance(0.4)) run.duplicate = dice.fraction() * 0.3;
  run.reorder = dice.chance(0.3);
}

void draw_faults(RunOptions& run, Dice& dice) {
  if (dice.chance(0.6)) run.crash_every = static_cast<std::uint64_t>(dice.spread(microseconds{20}, microseconds{1'000}).count());
  if (dice.chance(0.25)) run.lose_journal = dice.fraction() * 0.5;
  run.policy_changes = dice.chance(0.3);
  run.rotations = dice.chance(0.15);
  const auto some = [&](double chance, unsigned most) { return dice.chance(chance) ? static_cast<unsigned>(dice.between(1, most)) : 0U; };
  auto& faults = run.faults;
  faults.broker_restarts = some(0.3, 3);
  faults.cuts = some(0.35, 4);
  faults.clock_jumps = some(0.35, 6);
  faults.shutdowns = some(0.2, 3);
  faults.pauses = some(0.15, 3);
  faults.full_disks = some(0.15, 3);
  faults.gateway_crashes = some(0.35, 4);
  faults.gateway_stops = some(0.25, 3);
  faults.socket_cuts = some(0.3, 4);
  faults.silences = some(0.1, 2);
  faults.replays = some(0.3, 12);
  faults.revocations = some(0.12, 2);
  if (dice.chance(0.2)) run.slow = 0.3;
  if (dice.chance(0.3)) run.fail = 0.2;
  if (dice.chance(0.3)) run.no_reply = 0.2;
  if (dice.chance(0.2)) run.tick_late = seconds{1};
}

}  // namespace

void draw_limits(core::Limits& limits, Dice& dice) {
  if (dice.chance(0.2)) limits.runs = dice.between(1, 3);
  if (dice.chance(0.1)) limits.incoming_open_per_peer = dice.between(2, 6);
  if (dice.chance(0.1)) limits.outgoing_open = dice.between(4, 12);
  if (dice.chance(0.05)) limits.journal_bytes_per_peer = dice.between(4'000, 20'000);
  if (dice.chance(0.1)) limits.per_minute_per_peer = dice.between(20, 60);
}

namespace {

void draw_reloads(RunOptions& run, Dice& dice) {
  if (dice.chance(0.25)) run.faults.reloads = static_cast<unsigned>(dice.between(1, 6));
}

}  // namespace

RunOptions RunOptions::draw(std::uint64_t seed) {
  Dice dice(seed);
  RunOptions run;
  run.seed = seed;
  const std::size_t bridges = dice.chance(0.75) ? 2 : dice.between(3, kBridgesMax);
  constexpr GatewayKind kKinds[] = {GatewayKind::Recent, GatewayKind::Recent, GatewayKind::Older, GatewayKind::Older, GatewayKind::Echo, GatewayKind::RecordingEcho};
  for (std::size_t i = 0; i < bridges; ++i) run.gateways.push_back(kKinds[dice.below(std::size(kKinds))]);
  run.length = dice.spread(seconds{5}, seconds{600});
  run.exchanges = static_cast<std::size_t>(dice.spread(microseconds{3}, microseconds{dice.chance(0.1) ? 120 : 30}).count());
  if (dice.chance(0.3)) run.local = 0.3;
  if (dice.chance(0.4)) run.short_expiry = 0.5;
  if (dice.chance(0.4)) run.cancel = 0.4;
  run.text_bytes = dice.chance(0.1) ? 4'000 : 40;
  const auto seal = dice.below(6);
  run.seal = seal == 0 ? core::Seal::Always : seal == 1 ? core::Seal::WhenPossible : core::Seal::Off;
  if (dice.chance(0.05)) return run;  // a calm one
  draw_broker(run, dice);
  draw_faults(run, dice);
  draw_limits(run.limits, dice);
  draw_reloads(run, dice);
  return run;
}

std::string RunOptions::str() const {
  std::string text = "seed " + std::to_string(seed) + ":";
  for (const auto kind : gateways) text += " [" + std::string(to_string(kind)) + "]";
  const auto add = [&](std::string_view name, std::uint64_t value, std::uint64_t usual = 0) {
    if (value != usual) text.append(" ").append(name).append("=").append(std::to_string(value));
  };
  const auto percent = [&](std::string_view name, double value) { add(name, static_cast<std::uint64_t>(value * 100), 0); };
  add("seconds", static_cast<std::uint64_t>(length / seconds{1}));
  add("exchanges", exchanges);
  add("mqtt5", mqtt5 ? 1 : 0, 1);
  add("packet_bytes", packet_bytes_max);
  add("sessions", keeps_sessions ? 1 : 0, 1);
  add("retained", keeps_retained ? 1 : 0, 1);
  add("queue", queue_max, 1000);
  add("latency_us", static_cast<std::uint64_t>(latency.count()));
  percent("drop%", drop);
  percent("duplicate%", duplicate);
  add("reorder", reorder ? 1 : 0);
  add("crash_every", crash_every);
  percent("lose_journal%", lose_journal);
  add("policy_changes", policy_changes ? 1 : 0);
  add("rotations", rotations ? 1 : 0);
  add("seal", static_cast<std::uint64_t>(seal));
  percent("slow%", slow);
  percent("fail%", fail);
  percent("no_reply%", no_reply);
  percent("local%", local);
  percent("short_expiry%", short_expiry);
  percent("cancel%", cancel);
  add("text_bytes", text_bytes, 40);
  add("runs", limits.runs, core::Limits{}.runs);
  add("incoming_per_peer", limits.incoming_open_per_peer, core::Limits{}.incoming_open_per_peer);
  add("outgoing", limits.outgoing_open, core::Limits{}.outgoing_open);
  add("journal_bytes", limits.journal_bytes_per_peer, core::Limits{}.journal_bytes_per_peer);
  add("per_minute", limits.per_minute_per_peer);
  add("late_ms", static_cast<std::uint64_t>(tick_late / milliseconds{1}));
  add("broker_restarts", faults.broker_restarts);
  add("cuts", faults.cuts);
  add("clock_jumps", faults.clock_jumps);
  add("shutdowns", faults.shutdowns);
  add("pauses", faults.pauses);
  add("full_disks", faults.full_disks);
  add("gateway_crashes", faults.gateway_crashes);
  add("gateway_stops", faults.gateway_stops);
  add("socket_cuts", faults.socket_cuts);
  add("silences", faults.silences);
  add("replays", faults.replays);
  add("revocations", faults.revocations);
  add("reloads", faults.reloads);
  return text;
}

}  // namespace clawbridge::sim
