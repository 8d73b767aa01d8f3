#include "bridge/cli/attached_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "bridge/cli/failure.h"
#include "bridge/cli/render.h"
#include "bridge/cli/local_files.h"
#include "bridge/crypto/system_cryptography.h"
#include "topics/encoding.h"
#include "topics/limits.h"

namespace clawbridge::cli {
namespace {

constexpr std::size_t kNameBytesMax = 200;  // file systems take 255; leaves room for a number
constexpr int kNumbersMax = 1000;

Failure cannot(const std::string& what, const std::string& path) {
  return {ExitCode::Failed, "bad_request", "cannot " + what + " \"" + path + "\": " + std::strerror(errno != 0 ? errno : EIO)};
}

/// `name`, or `name-2.txt` and so on, whichever is free, made and opened.
std::pair<int, std::string> make_file(const std::filesystem::path& directory, const std::string& name) {
  const std::filesystem::path file(name);
  for (int i = 1; i <= kNumbersMax; ++i) {
    const auto numbered = i == 1 ? name : file.stem().string() + "-" + std::to_string(i) + file.extension().string();
    const auto path = (directory / numbered).string();
    const int made = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made >= 0) return {made, path};
    if (errno != EEXIST) throw cannot("write", path);
  }
  errno = EEXIST;
  throw cannot("write", (directory / name).string());
}

void write_all(int file, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const auto failure = cannot("write", path);
      close(file);
      throw failure;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (close(file) != 0) throw cannot("write", path);
}

}  // namespace

nlohmann::json read_attachments(const std::vector<std::string>& paths) {
  if (paths.size() > kAttachmentsMax) {
    throw usage("a message takes at most " + std::to_string(kAttachmentsMax) + " files; send several messages, or an archive");
  }
  auto files = nlohmann::json::array();
  for (const auto& path : paths) {
    const auto name = std::filesystem::path(path).filename().string();
    files.push_back({{"name", name}, {"mimeType", mime_type_of(name)}, {"content", base64_encode(as_bytes(read_file(path, "the file")))}});
  }
  return files;
}

std::vector<std::string> save_attachments(const nlohmann::json& exchange, const std::string& directory) {
  std::vector<std::string> saved;
  const auto files = exchange.find("attachments");
  if (files == exchange.end() || !files->is_array() || files->empty()) return saved;
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) throw Failure(ExitCode::Failed, "bad_request", "cannot make the folder \"" + directory + "\": " + failure.message());
  const crypto::SystemCryptography crypto;
  for (const auto& file : *files) {
    const auto name = safe_name(file.value("name", ""), saved.size() + 1);
    const auto bytes = base64_decode(file.value("content", ""));
    if (!bytes || hex_encode(crypto.sha256(*bytes)) != file.value("digest", "")) {
      throw Failure(ExitCode::Failed, "bad_request", "the attached file \"" + printable(name) + "\" was not saved: its content is not that of its digest");
    }
    const auto [made, path] = make_file(directory, name);
    write_all(made, path, *bytes);
    saved.push_back(path);
  }
  return saved;
}

std::string safe_name(std::string_view name, std::size_t number) {
  if (const auto slash = name.find_last_of("/\\"); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string safe = printable(name);
  std::replace(safe.begin(), safe.end(), ':', '_');  // drives and streams of some file systems
  if (safe.starts_with('.')) safe.front() = '_';
  if (safe.size() > kNameBytesMax) safe.resize(utf8_prefix(safe, kNameBytesMax));
  return safe.empty() ? "attachment-" + std::to_string(number) : safe;
}

std::string_view mime_type_of(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kTypes{{
      {".txt", "text/plain"}, {".md", "text/markdown"}, {".csv", "text/csv"}, {".html", "text/html"}, {".log", "text/plain"},
      {".json", "application/json"}, {".xml", "application/xml"}, {".yaml", "application/yaml"}, {".pdf", "application/pdf"},
      {".zip", "application/zip"}, {".png", "image/png"}, {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"}, {".gif", "image/gif"},
      {".webp", "image/webp"}, {".svg", "image/svg+xml"}, {".mp3", "audio/mpeg"}, {".mp4", "video/mp4"},
  }};
  for (const auto& [end, type] : kTypes) {
    if (name.ends_with(end)) return type;
  }
  return "application/octet-stream";
}

}  // namespace clawbridge::cli
