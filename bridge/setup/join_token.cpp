#include "bridge/setup/join_token.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "config/values.h"
#include "topics/encoding.h"
#include "topics/topic.h"

namespace clawbridge::setup {
namespace {

using nlohmann::json;

constexpr std::string_view kMark = "claw";
constexpr std::string_view kVersion = "claw1.";
constexpr std::size_t kTokenBytesMax = 64 * 1024;
constexpr std::size_t kSumDigits = 8;

constexpr const char* kLogins[] = {"none", "own", "shared"};

std::string sum_of(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  std::string digits(kSumDigits, '0');
  char hex[kSumDigits];
  const auto end = std::to_chars(hex, hex + kSumDigits, crc.checksum(), 16).ptr;
  std::copy_backward(hex, end, digits.data() + digits.size());
  return digits;
}

Error refused(const std::string& why) {
  return {ErrorCode::BadRequest, "this is no join token: " + why, false};
}

/// Without blanks, and without the command that stands before the token when a whole line was pasted.
std::string one_word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) word += c;
  }
  for (const std::string_view command : {"$", "clawbridge", "join"}) {
    if (word.starts_with(command)) word.erase(0, command.size());
  }
  return word;
}

std::optional<BrokerLogin> login_from(const std::string& name) {
  const auto* const found = std::ranges::find(kLogins, name);
  return found == std::end(kLogins) ? std::nullopt
                                    : std::optional(static_cast<BrokerLogin>(found - std::begin(kLogins)));
}

std::string text_of(const json& object, const char* key, const char* fallback = "") {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : fallback;
}

}  // namespace

std::string encode_join_token(const JoinToken& token) {
  json object{{"broker", token.broker_url}, {"from", token.inviter}, {"join", token.join_secret}};
  if (token.base != "claw") object["base"] = token.base;
  if (!token.ca.empty()) object["ca"] = token.ca;
  if (token.seal != "off") object["seal"] = token.seal;
  if (token.login != BrokerLogin::None) object["login"] = kLogins[static_cast<int>(token.login)];
  if (token.login == BrokerLogin::Shared) {
    object["username"] = token.username;
    object["password"] = token.password;
  }
  const std::string bytes = object.dump();
  return std::string(kVersion) + base64url_encode(as_bytes(bytes)) + "." + sum_of(bytes);
}

Result<JoinToken> decode_join_token(std::string_view text) {
  if (text.size() > kTokenBytesMax) return refused("it is longer than any");
  const std::string word = one_word(text);
  if (!word.starts_with(kMark))
    return refused("it does not begin with \"" + std::string(kMark) +
                   "\"; copy the line that `clawbridge init` or `clawbridge invite` printed");
  if (!word.starts_with(kVersion)) {
    const bool cut = kVersion.starts_with(word);
    return refused(cut ? "it was cut off; copy the whole line"
                       : "it is of another release of clawbridge; install the same one here");
  }
  const auto dot = word.find('.', kVersion.size());
  if (dot == std::string::npos || word.size() < dot + 1 + kSumDigits) {
    return refused("it was cut off after " + std::to_string(word.size()) + " characters; copy the whole line");
  }
  const auto bytes = base64url_decode(word.substr(kVersion.size(), dot - kVersion.size()));
  if (!bytes || word.substr(dot + 1) != sum_of(*bytes))
    return refused("characters in it were changed or left out; copy the line once more");
  const json object = json::parse(*bytes, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return refused("what it holds cannot be read");
  JoinToken token;
  token.inviter = text_of(object, "from");
  token.broker_url = text_of(object, "broker");
  token.base = text_of(object, "base", "claw");
  token.ca = text_of(object, "ca");
  token.seal = text_of(object, "seal", "off");
  token.username = text_of(object, "username");
  token.password = text_of(object, "password");
  token.join_secret = text_of(object, "join");
  const auto login = login_from(text_of(object, "login", "none"));
  if (!config::is_broker_url(token.broker_url) || !config::is_join_secret(token.join_secret) || !login) {
    return refused("what it holds is not for this release; install the same one here");
  }
  token.login = *login;
  return token;
}

}  // namespace clawbridge::setup
