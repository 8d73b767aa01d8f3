// The file of a Unix socket: making it ours alone, and telling a daemon that listens from one that has died.
#pragma once

#include <string>

#include "bridge/runtime/asio.h"

namespace clawbridge::api {

/// A listening Unix socket and its file. Closing it removes the file, if it is still the same one.
class SocketFile {
 public:
  using Acceptor = asio::local::stream_protocol::acceptor;

  explicit SocketFile(asio::io_context& io) : acceptor_(io) {}
  ~SocketFile() { close(); }
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  /// Listens at `path` with mode 0600. Makes the directory (0700) if it is missing, and replaces a socket nobody
  /// listens at any more. Throws std::runtime_error with a line for a person: the path does not fit into a socket
  /// address, something that is no socket stands there, another daemon listens there, or the system's reason.
  void open(const std::string& path);
  void close();

  [[nodiscard]] Acceptor& acceptor() { return acceptor_; }

 private:
  Acceptor acceptor_;
  std::string path_;
  // Which file it is: somebody may have put another one in its place.
  unsigned long long device_ = 0;
  unsigned long long inode_ = 0;
};

}  // namespace clawbridge::api
