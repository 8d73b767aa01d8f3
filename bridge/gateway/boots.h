// Tells one boot of an OpenClaw gateway from the next. 2026.9 names its boots; for 2026.3, which does not, a boot is
// known by when its process started, and that is known only within bounds: the gateway says how long it has been up,
// at some moment between our request and its answer.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "bridge/gateway/frames.h"
#include "topics/time.h"

namespace clawbridge::gateway {

struct Boot {
  using Steady = std::chrono::steady_clock::time_point;
  std::string id;         // the gateway's own name for it, or when its process started, by both clocks
  WallTime started_at{};  // when its process started, by our wall clock: at the earliest
  Steady up_since{};      // the same by the steady clock: at the latest
};

/// Names the boots of the gateway that answers on successive connections. A clock that is set and a machine that
/// sleeps change no name: it goes by a steady clock. Pure: the clocks are arguments.
class Boots {
 public:
  /// `machine`: names the present start of this machine, within which steady clocks can be compared.
  explicit Boots(std::string machine) : machine_(std::move(machine)) {}

  /// `hello` was read now, `took` after it was asked for.
  Boot name(const Hello& hello, std::chrono::milliseconds took, WallTime now, Boot::Steady steady_now);

 private:
  struct Span {
    Boot::Steady earliest, latest;
  };
  std::string machine_;
  std::optional<Span> started_;  // of the boot that was named last
  std::string id_;
};

/// Whether a turn that was handed over at `handed_over` to the boot named `then` was handed over to `boot`. In doubt
/// yes: a live gateway taken for a restarted one could run a turn twice.
[[nodiscard]] bool is_same_boot(const Boot& boot, const std::string& then, WallTime handed_over);

}  // namespace clawbridge::gateway
