// The names below a gateway that belong to `clawbridge doctor`.
#pragma once

#include <string>
#include <string_view>

#include "topics/address.h"
#include "topics/topic.h"

namespace clawbridge {

/// Under a name that begins so a doctor sends to its own gateway what shows that messages arrive. It is no agent: a bridge takes
/// no notice of what comes there. No gateway can have the name either, so that below `<base>/_doctor` nobody listens.
inline constexpr std::string_view kDoctorName = "_doctor";

/// `run`: sets two doctors of one gateway apart.
[[nodiscard]] inline Address doctor_of(std::string_view gateway, std::string_view run) {
  return {std::string(gateway), std::string(kDoctorName) + "-" + std::string(run)};
}

[[nodiscard]] inline bool is_doctors(const Topics& topics, std::string_view gateway, std::string_view topic) {
  const std::string begin = topics.state(std::string(gateway) + "/" + std::string(kDoctorName));
  return topic.starts_with(std::string_view(begin).substr(0, begin.rfind('/')));
}

}  // namespace clawbridge
