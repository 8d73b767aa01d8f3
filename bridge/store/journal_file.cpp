#include "bridge/store/journal_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "bridge/store/schema.h"
#include "topics/encoding.h"

namespace clawbridge::store {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMs = 500;  // a daemon that is being replaced may still be closing

int primary(int code) {
  return code & 0xff;
}
/// A journal that is there, whole, and not for us.
struct Refused {
  std::string why;
};

Error open_error(const fs::path& path, const std::string& why) {
  return {ErrorCode::Internal, "cannot open journal \"" + path.string() + "\": " + why, false};
}

/// Makes the missing folders of `folder`, for the owner only. Returns errno, 0 when all is well.
int make_private_folders(const fs::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return 0;
  if (const int error = make_private_folders(folder.parent_path()); error != 0) return error;
  return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
}

/// Makes an empty file with mode 0600 if there is none: SQLite gives its write-ahead log the mode of the file.
int make_private_file(const fs::path& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file >= 0) return ::close(file) == 0 ? 0 : errno;
  if (errno != EEXIST) return errno;
  return ::chmod(path.c_str(), 0600) == 0 ? 0 : errno;
}

std::string new_incarnation(core::Random& random) {
  std::array<std::uint8_t, 16> bytes{};
  random.fill(bytes);
  return hex_encode(bytes);
}

/// Says whose file it is, before anything in it is changed. Returns its format version; 0: empty.
std::int64_t require_ours(Db& db) {
  const auto application = db.number("PRAGMA application_id");
  const auto version = db.number("PRAGMA user_version");
  const auto objects = db.number("SELECT count(*) FROM sqlite_schema");
  if (application == 0 && version == 0 && objects == 0) return 0;
  if (application != kApplicationId || version < 1) {
    throw Refused{"it is the SQLite file of another program; set store.path to a file of its own"};
  }
  if (version > kSchemaVersion) {
    throw Refused{"it was written by a newer release (format " + std::to_string(version) + ", this one knows " +
                  std::to_string(kSchemaVersion) + "); start that release, or set store.path to a new file"};
  }
  return version;
}

void require_whole(Db& db) {
  const auto verdict = db.text("PRAGMA quick_check(1)");
  if (verdict != "ok") throw StoreError(SQLITE_CORRUPT, verdict);
}

/// Opens the file ready for use. Throws Refused, or StoreError with SQLite's code.
std::unique_ptr<Db> open_db(const fs::path& path, Durability durability, core::Random& random) {
  auto db = std::make_unique<Db>(path, kBusyMs);
  // A damaged file is kept as it was found.
  sqlite3_db_config(db->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // Before the first access: the lock is then never given back, and the index of the log needs no shared memory file.
  db->run("PRAGMA locking_mode = EXCLUSIVE");
  const auto version = require_ours(*db);
  db->run("PRAGMA journal_mode = WAL");
  require_whole(*db);
  db->run(durability == Durability::Power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  // Without spilling only a COMMIT writes to the disk, so that a full disk shows there, where it can be waited out.
  db->run("PRAGMA cache_spill = OFF");
  db->run("PRAGMA cache_size = -4096");         // KiB
  db->run("PRAGMA wal_autocheckpoint = 4096");  // pages: 16 MiB between two checkpoints, which wait for the disk
  db->run("PRAGMA journal_size_limit = 67108864");
  db->run("PRAGMA temp_store = MEMORY");
  if (version < kSchemaVersion) migrate(*db, version, new_incarnation(random));
  sqlite3_db_config(db->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return db;
}

fs::path mark_of(const fs::path& path) {
  return path.string() + ".condemned";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

/// Renames the file and its log. Returns the new name.
Result<std::string> set_aside(const fs::path& path) {
  std::string aside = path.string() + ".damaged-" + utc_now();
  for (int n = 2; fs::exists(aside); ++n) aside = path.string() + ".damaged-" + utc_now() + "-" + std::to_string(n);
  std::error_code error;
  fs::rename(path, aside, error);
  if (error)
    return open_error(path, "it is damaged and cannot be renamed (" + error.message() + "); move it away by hand");
  // Left behind, the old log would be read into the new journal.
  const fs::path log = path.string() + "-wal";
  if (fs::exists(log)) fs::rename(log, aside + "-wal", error);
  if (error)
    return open_error(path, "its damaged log cannot be renamed (" + error.message() + "); move \"" + log.string() +
                                "\" away by hand");
  return aside;
}

Error open_failure(const fs::path& path, const StoreError& error) {
  switch (primary(error.code())) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return open_error(path, "another process uses it; stop the other daemon, or give this one its own store.path");
    case SQLITE_FULL:
      return open_error(path, "the disk is full; free 64 MiB or move store.path");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return open_error(path, "it or its folder cannot be written; check owner and mode");
    default:
      return {ErrorCode::Internal, error.what(), false};
  }
}

}  // namespace

void condemn(const fs::path& path) {
  make_private_file(mark_of(path));
}

bool is_damage(int code) {
  return primary(code) == SQLITE_CORRUPT || primary(code) == SQLITE_NOTADB;
}
bool is_full(int code) {
  return primary(code) == SQLITE_FULL;
}

Result<JournalFile> open_journal_file(const fs::path& path, Durability durability, core::Random& random) {
  if (const int error = make_private_folders(path.parent_path()); error != 0) {
    return open_error(
        path, "its folder cannot be made (" + std::string(std::strerror(error)) + "); make it, or set store.path");
  }
  std::string warning;
  for (;;) {
    if (const int error = make_private_file(path); error != 0) {
      return open_error(path, std::string(std::strerror(error)) + "; check owner and mode, or set store.path");
    }
    std::string damage = "found while it was in use";
    if (!fs::exists(mark_of(path))) {
      try {
        return JournalFile{open_db(path, durability, random), warning};
      } catch (const Refused& refused) {
        return open_error(path, refused.why);
      } catch (const StoreError& error) {
        if (!is_damage(error.code()) || !warning.empty()) return open_failure(path, error);
        damage = error.what();
      }
    }
    auto aside = set_aside(path);
    if (!aside) return aside.error();
    std::error_code ignored;
    fs::remove(mark_of(path), ignored);
    warning = "journal \"" + path.string() + "\" is damaged (" + damage + "); it was set aside as \"" + *aside +
              "\" and a new one begun: what was under way is lost, and peers will call it unknown. Check the disk";
  }
}

}  // namespace clawbridge::store
