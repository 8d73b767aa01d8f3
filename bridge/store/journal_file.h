// Opening the journal's file: who may open it, whose it is, and what happens when it is damaged.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "bridge/core/cryptography.h"
#include "bridge/store/db.h"
#include "topics/result.h"

namespace clawbridge::store {

/// What a commit survives: the end of the process (kill -9), or of the machine's power as well.
enum class Durability { Process, Power };

struct JournalFile {
  std::unique_ptr<Db> db;  // locked for this process, whole, and of the present format
  std::string warning;     // see JournalDb::Opened
};

/// As JournalDb::open().
[[nodiscard]] Result<JournalFile> open_journal_file(const std::filesystem::path& path, Durability durability,
                                                    core::Random& random);

/// Says that the journal was found damaged while it was in use: the next start sets it aside, even if it then looks whole. (The check
/// at the start reads every page, but does not compare every index with its table.)
void condemn(const std::filesystem::path& path);

/// SQLite's extended result code says that the file itself is damaged.
[[nodiscard]] bool is_damage(int code);
/// … that there is no room to write.
[[nodiscard]] bool is_full(int code);

}  // namespace clawbridge::store
