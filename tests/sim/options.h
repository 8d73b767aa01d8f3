// What one run is made of and what may go wrong in it, all drawn from its seed. Swarm style: each run allows only some faults,
// so that what one fault hides another run shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bridge/core/options.h"
#include "tests/sim/random.h"

namespace clawbridge::sim {

/// The local agent gateways, by how they behave (measured, see bridge/gateway): OpenClaw 2026.9.6 and 2026.3.8, and `echo`
/// without and with a record of its turns.
enum class GatewayKind { Recent, Older, Echo, RecordingEcho };
[[nodiscard]] std::string_view to_string(GatewayKind kind);

/// How often things happen in phase one, at moments drawn evenly.
struct FaultCounts {
  unsigned broker_restarts = 0;
  unsigned cuts = 0;              // of one bridge's network, of either direction or both
  unsigned clock_jumps = 0;
  unsigned shutdowns = 0;         // of a bridge, in order
  unsigned pauses = 0;            // of a bridge's process
  unsigned full_disks = 0;        // commits fail for a while
  unsigned gateway_crashes = 0;
  unsigned gateway_stops = 0;     // SIGTERM
  unsigned socket_cuts = 0;       // between bridge and gateway
  unsigned silences = 0;          // a gateway takes turns and never answers, until it restarts
  unsigned replays = 0;
  unsigned revocations = 0;       // a person revokes a peer, and trusts it again later
  unsigned reloads = 0;           // of a bridge's settings, with others
};

/// Limits that are met, now and then one of them.
void draw_limits(core::Limits& limits, Dice& dice);

struct RunOptions {
  std::uint64_t seed = 0;
  std::vector<GatewayKind> gateways;            // one bridge each
  std::chrono::microseconds length{};           // of phase one
  std::size_t exchanges = 0;

  // the broker
  bool mqtt5 = true;
  std::uint64_t packet_bytes_max = 0;           // 0: none
  bool keeps_sessions = true;
  bool keeps_retained = true;
  bool forgets_on_restart = true;
  std::size_t queue_max = 1000;                 // messages for one client that is away
  std::chrono::microseconds latency{};          // of one hop, at most
  double drop = 0;                              // of deliveries
  double duplicate = 0;
  bool reorder = false;                         // what different clients published

  // the bridges
  std::uint64_t crash_every = 0;                // actions, orders and steps between two crashes of a bridge, in the mean; 0: none
  double lose_journal = 0;                      // of crashes
  bool policy_changes = false;                  // at restarts
  bool rotations = false;                       // of keys, at restarts
  core::Seal seal = core::Seal::Off;
  core::Limits limits;
  std::chrono::microseconds tick_late{};        // timers may come that late

  // the gateways
  double slow = 0;                              // turns that take minutes to hours
  double fail = 0;                              // turns that fail
  double no_reply = 0;

  // the workload
  double local = 0;                             // requests to an agent of one's own gateway
  double short_expiry = 0;
  double cancel = 0;                            // of requests, some of which are stopped
  std::size_t text_bytes = 0;                   // longest text

  FaultCounts faults;

  [[nodiscard]] static RunOptions draw(std::uint64_t seed);
  /// What differs from a calm run, on one line.
  [[nodiscard]] std::string str() const;
};

}  // namespace clawbridge::sim
