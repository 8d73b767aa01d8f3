// Linux: SO_PEERCRED (unix(7)).
#include <sys/socket.h>

#include "bridge/api/peer_credentials.h"

namespace clawbridge::api {

std::optional<uid_t> peer_user(int socket_descriptor) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket_descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
}

}  // namespace clawbridge::api
