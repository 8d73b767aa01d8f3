// Who the others are, by the states that the broker keeps: judged by the core's own rules of trust, with the settings,
// keys and journal of this bridge, while its daemon is down.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/journal.h"
#include "bridge/core/options.h"
#include "bridge/doctor/observations.h"
#include "config/settings.h"
#include "topics/time.h"

namespace clawbridge::cli {

class Acquaintance {
 public:
  /// `keys`: nothing before the first start. `snapshot`: of the journal; empty when it cannot be read now.
  Acquaintance(const config::Settings& settings, const std::optional<core::Keys>& keys, core::Snapshot snapshot,
               WallTime now);
  ~Acquaintance();
  Acquaintance(const Acquaintance&) = delete;
  Acquaintance& operator=(const Acquaintance&) = delete;

  /// A signed hello; empty without keys.
  [[nodiscard]] std::string hello();
  /// 32 hex digits.
  [[nodiscard]] std::string nonce();
  /// What the broker keeps of our own name. `incarnation`: of our journal; empty: not known.
  [[nodiscard]] doctor::NameSeen own_name(const std::vector<doctor::StateMessage>& states,
                                          const std::string& incarnation) const;
  /// Adds to what the daemon has told (nothing: it has not) everyone in the journal and in `states`, other keys that
  /// claim the name of a pinned peer, and clocks: what a state calls the time of its making must not be yet to come.
  void add_to(std::optional<std::vector<doctor::PeerSeen>>& peers, const std::vector<doctor::StateMessage>& states);

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace clawbridge::cli
