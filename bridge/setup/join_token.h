// What `clawbridge init` prints and `clawbridge join` takes: all that another machine needs to come into a federation,
// as one word that can be copied and pasted.
//
//   claw1.<base64url of a JSON object>.<CRC-32 of that object, 8 hex digits>
//
// The checksum is against mishaps, not against forgers: who holds the word is trusted by every bridge of the
// federation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "topics/result.h"

namespace clawbridge::setup {

/// How a machine that joins logs in at the broker.
enum class BrokerLogin {
  None,   // anybody may
  Own,    // with a name and password of its own, or the files that `broker init` made for it: neither is in the token
  Shared  // with the user name and password in the token
};

struct JoinToken {
  std::string inviter;  // the gateway whose token it is; no other may have its name
  std::string broker_url;
  std::string base = "claw";
  std::string ca;  // PEM; empty: the broker has no TLS, or a certificate that every system knows
  BrokerLogin login = BrokerLogin::None;
  std::string username;  // login Shared
  std::string password;
  std::string join_secret;  // base64url of at least 16 bytes, as trust.join takes it
  std::string seal = "off";
};

/// Pure: any thread.
[[nodiscard]] std::string encode_join_token(const JoinToken& token);

/// Takes the word, also broken over lines, and the whole line `clawbridge join WORD`. The error is for a person, and
/// tells a word that was cut off from one that was changed, and from one of a newer release; it never repeats the word.
[[nodiscard]] Result<JoinToken> decode_join_token(std::string_view text);

}  // namespace clawbridge::setup
