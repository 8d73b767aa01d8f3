// A ready folder for mosquitto: what `clawbridge broker init` makes and `clawbridge broker revoke` changes.
//
//   mosquitto.conf  acl  passwords  authority.pem  server.pem  server.key  revoked.pem  data/     the broker's
//   gateways/NAME/  authority.pem  certificate.pem  key.pem  password  broker.yaml                 for that machine
//   authority/      authority.key  issued/NAME.pem                                                 the operator's
//
// Who connects needs a certificate of this authority and the password of its user name; the rules bind the user name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bridge/brokers/access_rules.h"
#include "topics/time.h"

namespace clawbridge::brokers {

struct FolderWish {
  std::filesystem::path directory;
  Federation federation;
  std::vector<std::string>
      hosts;  // by which the broker is reached, the first one in broker.url; none: this machine only
  std::uint16_t port = 8883;
};

struct Folder {
  std::filesystem::path directory;  // absolute
  std::string url;
  struct Machine {
    std::string gateway;
    std::filesystem::path directory;
    std::string settings;  // the `broker:` block
  };
  std::vector<Machine> machines;
};

/// Makes the folder, whose parent must exist; it may exist itself when it is empty. As root, the broker's own files are
/// given to the account `mosquitto`, which mosquitto changes to, if there is one.
/// Throws std::invalid_argument for a wish that cannot be, and std::runtime_error when the folder holds something
/// already or cannot be written; then nothing that was made is left. Both say what to do.
[[nodiscard]] Folder make_folder(const FolderWish& wish, WallTime now);

/// Puts the gateway's certificate on the revocation list and takes its password away. False: it was so already. In
/// force when mosquitto has read both again (SIGHUP, or a restart). Throws std::invalid_argument and std::runtime_error
/// as above.
[[nodiscard]] bool revoke(const std::filesystem::path& directory, const std::string& gateway, WallTime now);

}  // namespace clawbridge::brokers
