// Passwords for logins at a broker: made by us, never chosen by a person, and kept hashed where the broker reads them.
#pragma once

#include <string>

namespace clawbridge::brokers {

/// 192 random bits as 32 characters of base64url. Throws std::runtime_error when the system has no randomness.
[[nodiscard]] std::string random_password();

/// One line's second field of mosquitto's password_file: `$7$<iterations>$<salt>$<PBKDF2-HMAC-SHA512>`, as
/// mosquitto_passwd 2.0 writes it, with a fresh salt. Throws std::runtime_error.
[[nodiscard]] std::string mosquitto_hash(const std::string& password);

}  // namespace clawbridge::brokers
