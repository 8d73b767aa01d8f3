// All that the metrics are made from, at one moment: plain numbers, from whoever keeps them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bridge/core/host.h"
#include "bridge/core/tally.h"
#include "bridge/core/views.h"
#include "bridge/observe/line.h"
#include "bridge/observe/process.h"

namespace clawbridge::observe {

struct Readings {
  core::StatusView status;  // with the counts of the API among its counters
  std::vector<core::PeerView> peers;
  core::Tally tally;
  core::Histogram commits;
  struct Broker {  // messages over the connections to the broker
    std::uint64_t received = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t published = 0;
    std::uint64_t published_bytes = 0;
    std::uint64_t refused = 0;
    std::uint64_t dropped = 0;
    std::uint64_t ignored = 0;
  } broker;
  struct Journal {
    std::uint64_t bytes = 0;      // of the file
    std::uint64_t log_bytes = 0;  // of its write-ahead log
    std::uint64_t dead_outgoing = 0;
    std::uint64_t dead_incoming = 0;
  } journal;
  struct Reloads {
    std::uint64_t applied = 0;
    std::uint64_t refused = 0;
    core::SettingsView settings;
  } reloads;
  std::array<std::uint64_t, 4> log_lines{};  // by level; those that were to be written, also if repeats were held back
  ProcessReadings process;
  WallTime started{};
};

}  // namespace clawbridge::observe
