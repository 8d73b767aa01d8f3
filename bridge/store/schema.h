// The journal file's format, by version: the tables, and how an older file becomes the present one.
#pragma once

#include "bridge/store/db.h"

namespace clawbridge::store {

/// In the file's header, so that a journal is known from other SQLite files ("claw").
inline constexpr std::int64_t kApplicationId = 0x636c6177;
inline constexpr std::int64_t kSchemaVersion = 5;

/// Brings the file from `version` to kSchemaVersion, all or nothing. Version 0: an empty file.
/// `incarnation`: for the journal that a new file begins.
void migrate(Db& db, std::int64_t version, std::string_view incarnation);

}  // namespace clawbridge::store
