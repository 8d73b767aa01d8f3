#include "bridge/store/journal_look.h"

#include <sqlite3.h>

#include "bridge/store/journal_db.h"
#include "bridge/store/schema.h"

namespace clawbridge::store {
namespace {

using Is = doctor::JournalSeen::Is;

constexpr int kLookBusyMs = 500;

Is kind_of(const StoreError& error) {
  switch (error.code() & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Is::InUse;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Is::Damaged;
    default:
      return Is::Unusable;
  }
}

void look(const std::filesystem::path& path, doctor::JournalSeen& seen, core::Snapshot& snapshot) {
  auto db = std::make_unique<Db>(path, kLookBusyMs);
  // What the log holds is read, and neither moved into the file nor removed.
  sqlite3_db_config(db->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  db->run("PRAGMA locking_mode = EXCLUSIVE");
  const auto application = db->number("PRAGMA application_id");
  const auto version = db->number("PRAGMA user_version");
  if (application == 0 && version == 0 && db->number("SELECT count(*) FROM sqlite_schema") == 0)
    return;  // a start that was cut off
  seen.words = "format " + std::to_string(version);
  if (application != kApplicationId || version < 1) {
    seen.is = Is::Foreign;
    return;
  }
  if (version > kSchemaVersion) {
    seen.is = Is::Newer;
    seen.words += ", this release knows " + std::to_string(kSchemaVersion);
    return;
  }
  if (const auto verdict = db->text("PRAGMA quick_check(1)"); verdict != "ok") {
    seen.is = Is::Damaged;
    seen.words = verdict;
    return;
  }
  seen.is = Is::Good;
  seen.incarnation = db->text("SELECT incarnation FROM bridge");
  seen.epoch = static_cast<std::uint64_t>(db->number("SELECT epoch FROM bridge"));
  if (version == kSchemaVersion) snapshot = JournalDb::snapshot_of(std::move(db));
}

}  // namespace

doctor::JournalSeen look_at_journal(const std::filesystem::path& path, core::Snapshot& snapshot) {
  doctor::JournalSeen seen;
  seen.path = path.string();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return seen;
  try {
    look(path, seen, snapshot);
  } catch (const StoreError& error) {
    seen.is = kind_of(error);
    seen.words = error.what();
  } catch (const std::exception& error) {
    seen.is = Is::Unusable;
    seen.words = error.what();
  }
  return seen;
}

}  // namespace clawbridge::store
