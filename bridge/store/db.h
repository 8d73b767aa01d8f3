// SQLite as two RAII types. Everything that SQLite refuses is a StoreError, except where a caller asks for the code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace clawbridge::store {

/// The journal cannot be read or written: damage, an I/O error, or no memory. The daemon must stop; what was committed
/// is safe. `code()`: SQLite's extended result code.
class StoreError : public std::runtime_error {
 public:
  StoreError(int code, const std::string& what) : std::runtime_error(what), code_(code) {}
  [[nodiscard]] int code() const { return code_; }

 private:
  int code_;
};

/// One connection, whose SQL has one function more: `checksum(…)`, 64 bits over the types and bytes of its arguments.
/// One thread. Closing it rolls back what is not committed.
class Db {
 public:
  /// Opens or creates the file. `busy_ms`: how long to wait for another process's lock.
  Db(const std::filesystem::path& path, int busy_ms);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  /// Runs statements that return nothing of interest.
  void run(const char* sql);
  /// The same, but returns SQLite's extended result code instead of throwing. 0: done.
  [[nodiscard]] int try_run(const char* sql);
  /// First column of the first row.
  [[nodiscard]] std::int64_t number(const char* sql);
  [[nodiscard]] std::string text(const char* sql);

  /// SQLite's words for the latest failure.
  [[nodiscard]] std::string message() const;
  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] std::int64_t last_row() const;
  [[noreturn]] void fail(const std::string& doing, int code) const;
  /// For damage that SQLite cannot see.
  [[noreturn]] void fail_damaged(const std::string& what) const;
  [[nodiscard]] sqlite3* handle() const { return handle_; }

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
};

/// One prepared statement, bound anew for each use. Texts and blobs are bound without a copy, so they must live until
/// reset() or the end of the scope of a Use.
class Statement {
 public:
  Statement(Db& db, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters are numbered from 1.
  void bind_number(int at, std::int64_t value);
  void bind_text(int at, std::string_view value);
  void bind_blob(int at, std::string_view value);
  void bind_null(int at);

  /// True: a row is there. False: done.
  bool step();
  /// Runs a statement that returns no rows, and resets it.
  void run();
  /// The same, but returns SQLite's extended result code instead of throwing. 0: done.
  [[nodiscard]] int try_run();
  void reset();

  // Columns are numbered from 0; views are valid until the next step() or reset(). NULL reads as 0 and as empty.
  [[nodiscard]] std::int64_t number(int at) const;
  [[nodiscard]] std::string_view bytes(int at) const;
  [[nodiscard]] std::string text(int at) const { return std::string(bytes(at)); }
  [[nodiscard]] bool is_null(int at) const;

 private:
  Db& db_;
  sqlite3_stmt* handle_ = nullptr;
};

/// Resets a statement at the end of a scope, whatever happens in it: an open one would hold back the checkpoint.
class Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) {}
  ~Use() { statement_.reset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  Statement* operator->() { return &statement_; }
  Statement& operator*() { return statement_; }

 private:
  Statement& statement_;
};

}  // namespace clawbridge::store
