#include "bridge/api/socket_file.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace clawbridge::api {
namespace {

using boost::system::error_code;
using Protocol = asio::local::stream_protocol;

constexpr std::chrono::seconds kDies{2};
constexpr std::chrono::milliseconds kPause{20};
constexpr std::size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;  // Linux 107, macOS 103

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw std::runtime_error("cannot listen on the socket \"" + path + "\": " + why);
}

std::string reason(int code) {
  return std::generic_category().message(code);
}

void make_directory(const std::string& path) {
  const auto directory = std::filesystem::path(path).parent_path();
  std::error_code failure;
  if (directory.empty() || std::filesystem::is_directory(directory, failure)) return;
  failure.clear();
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), failure);
  if (failure)
    fail(path, "cannot make the directory \"" + directory.parent_path().string() + "\": " + failure.message());
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    fail(path, "cannot make the directory \"" + directory.string() + "\": " + reason(errno) +
                   " (make it, or set api.socket)");
  }
}

error_code probe(const SocketFile::Acceptor::executor_type& executor, const std::string& path) {
  Protocol::socket socket(executor);
  error_code failure;
  socket.connect(Protocol::endpoint(path), failure);
  return failure;
}

/// Removes what a dead daemon left: only a live listener accepts a connection. A child that the daemon was just about to
/// start when it was killed holds the listening socket for a moment longer.
void clear_stale(const SocketFile::Acceptor::executor_type& executor, const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return;
    fail(path, reason(errno));
  }
  if (!S_ISSOCK(found.st_mode)) fail(path, "there is a file that is no socket (move it away, or set api.socket)");
  auto failure = probe(executor, path);
  const auto give_up = std::chrono::steady_clock::now() + kDies;
  while (!failure && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(kPause);
    failure = probe(executor, path);
  }
  if (failure == boost::system::errc::no_such_file_or_directory) return;
  if (!failure || failure == asio::error::try_again) {
    fail(path, "another clawbridge daemon listens there (stop it, or give this one its own api.socket)");
  }
  if (failure != asio::error::connection_refused)
    fail(path, "cannot tell whether a daemon listens there: " + failure.message());
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    fail(path, "cannot remove the socket of a dead daemon: " + reason(errno));
}

}  // namespace

void SocketFile::open(const std::string& path) {
  if (path.empty()) fail(path, "no path is given (set api.socket)");
  if (path.size() > kPathBytesMax) {
    fail(path, "the path is " + std::to_string(path.size()) + " bytes long, a Unix socket takes " +
                   std::to_string(kPathBytesMax) + " (set api.socket to a shorter path)");
  }
  make_directory(path);
  clear_stale(acceptor_.get_executor(), path);
  error_code failure;
  acceptor_.open(Protocol(), failure);
  if (!failure) acceptor_.bind(Protocol::endpoint(path), failure);
  if (failure) fail(path, failure.message());
  // Before listen() nobody can connect, so the mode is never wider than it should be for a caller.
  struct stat made {};
  if (chmod(path.c_str(), 0600) != 0 || stat(path.c_str(), &made) != 0) fail(path, reason(errno));
  path_ = path;
  device_ = made.st_dev;
  inode_ = made.st_ino;
  acceptor_.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) fail(path, failure.message());
}

void SocketFile::close() {
  error_code ignored;
  acceptor_.close(ignored);
  struct stat found {};
  if (!path_.empty() && stat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_)
    unlink(path_.c_str());
  path_.clear();
}

}  // namespace clawbridge::api
