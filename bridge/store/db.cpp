#include "bridge/store/db.h"

#include <sodium.h>
#include <sqlite3.h>

#include <array>
#include <charconv>
#include <cstring>

namespace clawbridge::store {
namespace {

constexpr std::size_t kUsualRowBytes = 1024;

// SipHash with a key that everybody knows: against what a disk does, not against a person.
void checksum(sqlite3_context* context, int count, sqlite3_value** values) {
  std::string all;
  all.reserve(kUsualRowBytes);
  const auto add_number = [&](std::size_t number) {
    std::array<char, 20> digits{};
    all.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr) += ' ';
  };
  for (int i = 0; i < count; ++i) {
    const int type = sqlite3_value_type(values[i]);  // before the conversion, which leaves it undefined
    const auto* bytes = static_cast<const char*>(sqlite3_value_blob(values[i]));
    const auto length = bytes == nullptr ? 0 : static_cast<std::size_t>(sqlite3_value_bytes(values[i]));
    add_number(static_cast<std::size_t>(type));
    add_number(length);
    all.append(bytes == nullptr ? "" : bytes, length);
  }
  constexpr std::array<unsigned char, crypto_shorthash_KEYBYTES> key{};
  std::array<unsigned char, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(all.data()), all.size(), key.data());
  std::int64_t number = 0;
  static_assert(sizeof number == hash.size());
  std::memcpy(&number, hash.data(), sizeof number);
  sqlite3_result_int64(context, number);
}

}  // namespace

Db::Db(const std::filesystem::path& path, int busy_ms) : path_(path.string()) {
  const int code = sqlite3_open_v2(
      path_.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (code != SQLITE_OK) {
    const std::string why = handle_ != nullptr ? message() : "out of memory";
    sqlite3_close(handle_);
    throw StoreError(code, "cannot open journal \"" + path_ + "\": " + why);
  }
  sqlite3_busy_timeout(handle_, busy_ms);
  sqlite3_create_function_v2(handle_, "checksum", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, checksum, nullptr, nullptr, nullptr);
}

Db::~Db() {
  sqlite3_close(handle_);
}

void Db::run(const char* sql) {
  if (const int code = try_run(sql); code != SQLITE_OK) fail(std::string("run \"") + sql + "\" on", code);
}

int Db::try_run(const char* sql) {
  return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
}

std::int64_t Db::number(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.number(0) : 0;
}

std::string Db::text(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.text(0) : std::string();
}

std::string Db::message() const {
  return sqlite3_errmsg(handle_);
}
bool Db::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}
std::int64_t Db::changes() const {
  return sqlite3_changes64(handle_);
}
std::int64_t Db::last_row() const {
  return sqlite3_last_insert_rowid(handle_);
}

void Db::fail(const std::string& doing, int code) const {
  throw StoreError(code, "cannot " + doing + " journal \"" + path_ + "\": " + message());
}

void Db::fail_damaged(const std::string& what) const {
  throw StoreError(SQLITE_CORRUPT, "journal \"" + path_ + "\" is damaged: " + what);
}

Statement::Statement(Db& db, const char* sql) : db_(db) {
  const int code = sqlite3_prepare_v3(db.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  if (code != SQLITE_OK) db.fail(std::string("prepare \"") + sql + "\" on", code);
}

Statement::~Statement() {
  sqlite3_finalize(handle_);
}

void Statement::bind_number(int at, std::int64_t value) {
  sqlite3_bind_int64(handle_, at, value);
}

// A null pointer would bind NULL, and an empty view may have one.
void Statement::bind_text(int at, std::string_view value) {
  sqlite3_bind_text64(handle_, at, value.data() == nullptr ? "" : value.data(), value.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}

void Statement::bind_blob(int at, std::string_view value) {
  sqlite3_bind_blob64(handle_, at, value.data() == nullptr ? "" : value.data(), value.size(), SQLITE_STATIC);
}

void Statement::bind_null(int at) {
  sqlite3_bind_null(handle_, at);
}

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const std::string sql = sqlite3_sql(handle_);
  db_.fail("run \"" + sql + "\" on", code);
}

void Statement::run() {
  const Use use(*this);
  while (step()) {
  }
}

int Statement::try_run() {
  const Use use(*this);
  const int code = sqlite3_step(handle_);
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

void Statement::reset() {
  sqlite3_reset(handle_);
}

std::int64_t Statement::number(int at) const {
  return sqlite3_column_int64(handle_, at);
}

std::string_view Statement::bytes(int at) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, at));
  return {data, data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(handle_, at))};
}

bool Statement::is_null(int at) const {
  return sqlite3_column_type(handle_, at) == SQLITE_NULL;
}

}  // namespace clawbridge::store
