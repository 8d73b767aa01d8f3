#include "bridge/api/peer_credentials.h"

#include <sys/socket.h>
#include <unistd.h>

namespace clawbridge::api {

std::optional<uid_t> peer_user(int socket_descriptor) {
#ifdef __linux__
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket_descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
#else
  uid_t user = 0;
  gid_t group = 0;
  if (getpeereid(socket_descriptor, &user, &group) != 0) return std::nullopt;
  return user;
#endif
}

}  // namespace clawbridge::api
