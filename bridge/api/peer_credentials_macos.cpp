// macOS: getpeereid(3), which the other BSDs have too.
#include <unistd.h>

#include "bridge/api/peer_credentials.h"

namespace clawbridge::api {

std::optional<uid_t> peer_user(int socket_descriptor) {
  uid_t user = 0;
  gid_t group = 0;
  if (getpeereid(socket_descriptor, &user, &group) != 0) return std::nullopt;
  return user;
}

}  // namespace clawbridge::api
