#include "bridge/core/views.h"

namespace clawbridge::core {

std::string_view to_string(PeerTrust trust) {
  switch (trust) {
    case PeerTrust::Pending: return "pending";
    case PeerTrust::Joined: return "joined";
    case PeerTrust::Trusted: return "trusted";
    case PeerTrust::Configured: return "configured";
    case PeerTrust::Revoked: return "revoked";
  }
  return "pending";
}

}  // namespace clawbridge::core
