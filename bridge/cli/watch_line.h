// What `clawbridge watch` makes of the daemon's events: which are shown, and how. Pure: names, JSON and times in, text
// out.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "topics/time.h"

namespace clawbridge::cli {

/// What must agree for an event to be shown; empty: anything.
struct WatchFilter {
  std::string gateway{};  // one of the two
  std::string agent{};    // `agent` or `gateway/agent`, one of the two
  std::string cid{};      // or the beginning of one
};

class WatchLines {
 public:
  explicit WatchLines(WatchFilter filter) : filter_(std::move(filter)) {}

  /// `name` and `data` of an event of GET /v1/events. Returns what is shown of it,
  /// `{"event","time","correlationId","from","to",…, "latencyMilliseconds"}` with what is known; nothing when it is not
  /// shown. Steps of an exchange that a message tells of as well are shown only where there is no such message, as both
  /// agents are here.
  [[nodiscard]] std::optional<nlohmann::json> take(const std::string& name, nlohmann::json data);

  static constexpr std::size_t kRememberedMax = 10'000;  // exchanges

 private:
  struct Seen {
    std::optional<WallTime> first;
    std::string from;
    std::string to;
    bool local = false;    // both agents are here
    bool replied = false;  // the reply was shown
  };
  Seen& seen(const std::string& cid);
  [[nodiscard]] bool agrees(const nlohmann::json& data) const;

  const WatchFilter filter_;
  std::map<std::string, Seen> seen_;
  std::deque<std::string> order_;  // of seen_, oldest first
};

/// One line for a person: time, `>` for sent and `<` for received, from → to, what, size, latency so far, correlation id.
[[nodiscard]] std::string watch_text(const nlohmann::json& shown);

/// A message's text, shortened to one line; for display below its line.
[[nodiscard]] std::string shortened(std::string_view text);

}  // namespace clawbridge::cli
