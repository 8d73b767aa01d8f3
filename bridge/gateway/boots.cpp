#include "bridge/gateway/boots.h"

#include <algorithm>
#include <string_view>

namespace clawbridge::gateway {

namespace {

constexpr std::chrono::seconds kShift{2};  // no gateway starts, takes a turn, dies and starts again in less
constexpr std::string_view kStarted = "started-";

std::optional<WallTime> started_at(std::string_view boot_id) {
  if (!boot_id.starts_with(kStarted)) return std::nullopt;
  return parse_time(boot_id.substr(kStarted.size()));
}

}  // namespace

Boot Boots::name(const Hello& hello, std::chrono::milliseconds took, WallTime now, Boot::Steady steady_now) {
  const auto started = now - took - hello.uptime;
  const Span span{steady_now - took - hello.uptime, steady_now - hello.uptime};
  if (hello.keeps_keys()) return {hello.boot_id, started, span.latest};
  if (started_ && span.earliest <= started_->latest + kShift && started_->earliest <= span.latest + kShift) {
    started_ = Span{std::max(span.earliest, started_->earliest), std::min(span.latest, started_->latest)};
  } else {
    started_ = span;
    id_ = std::string(kStarted) + format_time(started);
  }
  return {id_, started, started_->latest};
}

// A turn handed over by an earlier process of ours is judged by the wall clock alone, which may have been set since:
// then both signs must say that the gateway has restarted.
bool is_same_boot(const Boot& boot, const std::string& then, WallTime handed_over) {
  if (then == boot.id) return true;
  const auto ours = started_at(boot.id);
  const auto theirs = started_at(then);
  if (!ours) return false;  // the gateway names its boots
  if (handed_over >= boot.started_at) return true;
  return theirs && std::chrono::abs(*theirs - boot.started_at) < kShift;
}

}  // namespace clawbridge::gateway
