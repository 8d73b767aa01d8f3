// Who is at the other end of a Unix socket: each system tells it in its own way, peer_credentials_linux.cpp,
// peer_credentials_macos.cpp.
#pragma once

#include <sys/types.h>

#include <optional>

namespace clawbridge::api {

/// The effective user id of the process that connected, as the kernel recorded it; nothing when the kernel cannot tell.
[[nodiscard]] std::optional<uid_t> peer_user(int socket_descriptor);

/// The socket's mode already keeps others out. This is the second door: only the daemon's own user, and root.
[[nodiscard]] inline bool is_welcome(std::optional<uid_t> peer, uid_t self) {
  return peer && (*peer == self || *peer == 0);
}

}  // namespace clawbridge::api
