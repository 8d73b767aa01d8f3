#include "bridge/cli/local_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "bridge/cli/failure.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, int error) {
  throw Failure(ExitCode::Failed, "internal", "cannot write \"" + path.string() + "\": " + std::strerror(error));
}

void make_private_folders(const fs::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return;
  make_private_folders(folder.parent_path());
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail(folder, errno);
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// The new file under another name, complete and on the disk. Returns errno.
int write_beside(int file, std::string_view text, unsigned mode, const struct stat* before) {
  if (!write_all(file, text)) return errno;
  const bool other_owner = before != nullptr && (before->st_uid != ::geteuid() || before->st_gid != ::getegid());
  if (other_owner && ::fchown(file, before->st_uid, before->st_gid) != 0) return errno;
  if (::fchmod(file, before != nullptr ? before->st_mode & 07777U : mode) != 0 || ::fsync(file) != 0) return errno;
  return 0;
}

}  // namespace

std::string read_file(const std::string& path, std::string_view what) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string bytes;
  std::array<char, 65536> block{};
  ssize_t count = 0;
  while (file >= 0 && bytes.size() <= kReadBytesMax && (count = ::read(file, block.data(), block.size())) != 0) {
    if (count < 0 && errno != EINTR) break;
    if (count > 0) bytes.append(block.data(), static_cast<std::size_t>(count));
  }
  const int error = errno;
  if (file >= 0) ::close(file);
  if (file < 0 || count < 0) {
    throw Failure(ExitCode::Failed, "bad_request", "cannot read " + std::string(what) + " \"" + path + "\": " + std::strerror(error));
  }
  if (bytes.size() > kReadBytesMax) {
    throw Failure(ExitCode::Refused, "too_large",
                  "cannot send " + std::string(what) + " \"" + path + "\": it has more than " + std::to_string(kReadBytesMax) +
                      " bytes, and no message takes as many; send a part of it, or where it can be fetched");
  }
  return bytes;
}

void write_file(const fs::path& path, std::string_view text, unsigned mode) {
  std::error_code ignored;
  const fs::path target = fs::is_symlink(path, ignored) ? fs::canonical(path, ignored) : path;
  if (target.empty()) fail(path, ENOENT);
  make_private_folders(target.parent_path());
  struct stat before {};
  const bool exists = ::stat(target.c_str(), &before) == 0;
  std::string beside = target.string() + ".XXXXXX";
  const int file = ::mkostemp(beside.data(), O_CLOEXEC);
  if (file < 0) fail(target, errno);
  int error = write_beside(file, text, mode, exists ? &before : nullptr);
  ::close(file);
  if (error == 0 && ::rename(beside.c_str(), target.c_str()) != 0) error = errno;
  if (error == 0) return;
  ::unlink(beside.c_str());
  fail(target, error);
}

}  // namespace clawbridge::cli
