// The one name below a gateway that belongs to `clawbridge doctor`.
#pragma once

#include <string>
#include <string_view>

#include "topics/address.h"

namespace clawbridge {

/// To this name a doctor sends to its own gateway what shows that messages arrive. It is no agent: a bridge takes no notice of
/// what comes there. No gateway can have the name either, so that below `<base>/_doctor` nobody listens.
inline constexpr std::string_view kDoctorName = "_doctor";

[[nodiscard]] inline Address doctor_of(std::string_view gateway) {
  return {std::string(gateway), std::string(kDoctorName)};
}

}  // namespace clawbridge
