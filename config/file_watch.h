// When a file that others write is worth reading again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace clawbridge::config {

/// By which a change of a file is noticed.
struct FileStamp {
  std::int64_t written = 0;  // when, in the clock of the file system
  std::uint64_t bytes = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// Looked at now and then. An editor may be half-way through: a change counts when it was seen twice the same. Pure.
class FileWatch {
 public:
  /// `read`: as the file was when it was read; nothing: there was none.
  explicit FileWatch(std::optional<FileStamp> read) : read_(read), seen_(read) {}

  /// True when it is to be read now.
  [[nodiscard]] bool look(std::optional<FileStamp> now) {
    const bool settled = now == seen_;
    seen_ = now;
    if (!settled || now == read_) return false;
    read_ = now;
    return true;
  }

 private:
  std::optional<FileStamp> read_;
  std::optional<FileStamp> seen_;
};

/// Nothing when there is no such file.
[[nodiscard]] std::optional<FileStamp> stamp_of(const std::string& path);

}  // namespace clawbridge::config
