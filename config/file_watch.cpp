#include "config/file_watch.h"

#include <filesystem>
#include <system_error>

namespace clawbridge::config {

std::optional<FileStamp> stamp_of(const std::string& path) {
  std::error_code failure;
  const auto written = std::filesystem::last_write_time(path, failure);
  if (failure) return std::nullopt;
  const auto bytes = std::filesystem::file_size(path, failure);
  if (failure) return std::nullopt;
  return FileStamp{static_cast<std::int64_t>(written.time_since_epoch().count()), bytes};
}

}  // namespace clawbridge::config
