#include "bridge/gateway/boots.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace clawbridge::gateway {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kShift{2};  // no gateway starts, takes a turn, dies and starts again in less
constexpr std::string_view kStarted = "started-";

// `started-<wall clock>@<machine>+<steady clock, ms>`: two starts, the second comparable within one start of one machine.
struct Start {
  WallTime wall{};
  std::string_view machine;
  milliseconds steady{0};
};

std::string name_of(WallTime wall, std::string_view machine, Boot::Steady steady) {
  const auto ms = std::chrono::floor<milliseconds>(steady.time_since_epoch()).count();
  return std::string(kStarted) + format_time(wall) + "@" + std::string(machine) + "+" + std::to_string(ms);
}

std::optional<Start> start_of(std::string_view name) {
  if (!name.starts_with(kStarted)) return std::nullopt;
  name.remove_prefix(kStarted.size());
  const auto at = name.find('@');
  const auto wall = parse_time(name.substr(0, at));
  if (!wall) return std::nullopt;
  Start start{.wall = *wall, .machine = {}, .steady = {}};
  const auto plus = name.rfind('+');
  if (at == std::string_view::npos || plus == std::string_view::npos || plus < at) return start;  // of an earlier release
  std::int64_t ms = 0;
  const auto digits = name.substr(plus + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), ms).ec != std::errc{}) return start;
  start.machine = name.substr(at + 1, plus - at - 1);
  start.steady = milliseconds(ms);
  return start;
}

}  // namespace

Boot Boots::name(const Hello& hello, milliseconds took, WallTime now, Boot::Steady steady_now) {
  const auto started = now - took - hello.uptime;
  const Span span{steady_now - took - hello.uptime, steady_now - hello.uptime};
  if (hello.keeps_keys()) return {hello.boot_id, started, span.latest};
  if (started_ && span.earliest <= started_->latest + kShift && started_->earliest <= span.latest + kShift) {
    started_ = Span{std::max(span.earliest, started_->earliest), std::min(span.latest, started_->latest)};
  } else {
    started_ = span;
    id_ = name_of(started, machine_, span.earliest);
  }
  return {id_, started, started_->latest};
}

// A turn handed over by an earlier process of ours. The wall clock may have been set since, and a gateway on this machine
// stands still while the machine sleeps; one elsewhere does not, and our steady clock does: what any of them says counts.
bool is_same_boot(const Boot& boot, const std::string& then, WallTime handed_over) {
  if (then == boot.id) return true;
  const auto ours = start_of(boot.id);
  const auto theirs = start_of(then);
  if (!ours || !theirs) return false;  // one of the two names its boots: the gateway was upgraded or downgraded
  if (handed_over >= boot.started_at) return true;
  if (!ours->machine.empty() && ours->machine == theirs->machine && std::chrono::abs(ours->steady - theirs->steady) < kShift) return true;
  return std::chrono::abs(theirs->wall - boot.started_at) < kShift || std::chrono::abs(theirs->wall - ours->wall) < kShift;
}

}  // namespace clawbridge::gateway
