// A private certificate authority: what it signs for a broker and its gateways, and what it takes back.
//
// Keys are P-256, which everything with TLS takes. Certificates begin an hour ago, so that a clock that is a little
// slow is no trouble. All functions throw std::runtime_error with OpenSSL's words.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "topics/time.h"

namespace clawbridge::brokers {

/// PEM texts.
struct Certificate {
  std::string certificate;
  std::string key;
};

class Authority {
 public:
  /// A new one, valid for ten years.
  static Authority make(const std::string& name, WallTime now);
  static Authority load(const Certificate& pem);
  ~Authority();
  Authority(Authority&&) noexcept;
  Authority& operator=(Authority&&) = delete;

  [[nodiscard]] Certificate pem() const;

  /// For a broker that is reached by these host names and addresses (is_host), valid for 825 days.
  [[nodiscard]] Certificate issue_server(const std::vector<std::string>& hosts, WallTime now) const;
  /// For one gateway, its name as the common name; valid for 825 days.
  [[nodiscard]] Certificate issue_client(const std::string& name, WallTime now) const;

  /// An empty revocation list, valid as long as the authority: one that ends would lock everybody out.
  [[nodiscard]] std::string revocation_list(WallTime now) const;
  /// The list with one certificate more (PEM, of this authority). Nothing changes when it is there already: the text
  /// comes back as it was.
  [[nodiscard]] std::string revoke(const std::string& list, const std::string& certificate, WallTime now) const;

 private:
  struct Parts;
  explicit Authority(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// An IPv4 or IPv6 address, or a host name of letters, digits, dots and hyphens. Nothing else may reach a certificate.
[[nodiscard]] bool is_host(const std::string& text);
[[nodiscard]] bool is_ip_address(const std::string& text);

}  // namespace clawbridge::brokers
