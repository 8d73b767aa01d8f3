// A look at a journal that changes nothing: what `clawbridge doctor` may do to one.
#pragma once

#include <filesystem>

#include "bridge/core/journal.h"
#include "bridge/doctor/observations.h"

namespace clawbridge::store {

/// Neither makes the file, nor brings it to another format, nor sets a damaged one aside. The lock is held until it
/// returns. `snapshot`: of a good journal of the present format; otherwise left alone. Never throws.
[[nodiscard]] doctor::JournalSeen look_at_journal(const std::filesystem::path& path, core::Snapshot& snapshot);

}  // namespace clawbridge::store
