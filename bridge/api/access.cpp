#include "bridge/api/access.h"

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <iterator>
#include <optional>
#include <utility>

#include "bridge/api/page.h"
#include "bridge/api/quoted.h"
#include "topics/address.h"

namespace clawbridge::api {
namespace {

constexpr std::uint16_t kHttpPort = 80;

/// What a header says of its sender; nothing: it does not say.
struct Claims {
  std::optional<std::string_view> host, origin, authorization, agent, session;
};

/// BadRequest for a field given twice: two readers of such a request may see two different callers.
Result<Claims> read_claims(const Access::Header& header) {
  Claims claims;
  const std::array<std::pair<const char*, std::optional<std::string_view>*>, 5> fields{
      {{"Host", &claims.host},
       {"Origin", &claims.origin},
       {"Authorization", &claims.authorization},
       {"X-Claw-Agent", &claims.agent},
       {"X-Claw-Session", &claims.session}}};
  for (const auto& [name, claim] : fields) {
    const auto [first, last] = header.equal_range(name);
    if (first == last) continue;
    if (std::next(first) != last) {
      return Error{ErrorCode::BadRequest, std::string("header ") + name + " is given more than once; give it once",
                   false};
    }
    *claim = std::string_view(first->value().data(), first->value().size());
  }
  return claims;
}

bool same_text(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

/// The token of `Bearer <token>` (RFC 6750; the scheme in any case, RFC 9110 section 11.1); empty for anything else.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!same_text(authorization.substr(0, kScheme.size()), kScheme)) return {};
  authorization.remove_prefix(kScheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

Access::Verdict verdict(Result<Caller> caller) {
  if (!caller) return error_answer(caller.error());
  return std::move(*caller);
}

}  // namespace

void Refusals::add(std::string_view counter, const std::string& why) {
  ++counts_[counter];
  if (report_)
    report_({core::action::Level::Warn, "api.refused", {{"counter", std::string(counter)}, {"reason", why}}});
}

Access::Verdict SocketAccess::check(const Header& header) {
  const auto claims = read_claims(header);
  if (!claims) return error_answer(claims.error());
  return verdict(parse_caller(claims->agent.value_or(""), claims->session.value_or("")));
}

TokenAccess::TokenAccess(std::vector<Token> tokens, const asio::ip::tcp::endpoint& own,
                         const core::Cryptography& cryptography, Refusals& refusals)
    : tokens_(std::move(tokens)), cryptography_(cryptography), refusals_(refusals) {
  const std::string address = own.address().to_string();
  for (const std::string& name : {own.address().is_v6() ? "[" + address + "]" : address, std::string("localhost")}) {
    hosts_.push_back(name + ":" + std::to_string(own.port()));
    if (own.port() == kHttpPort) hosts_.push_back(name);  // which a client leaves out
  }
}

Access::Verdict TokenAccess::check(const Header& header) {
  const auto claims = read_claims(header);
  if (!claims) return error_answer(claims.error());
  const std::string_view host = claims->host.value_or("");
  if (!is_own_host(host)) {
    return refuse(403, "api.refused_host",
                  "the header Host is " + quoted(host) + ", and this server is " + hosts_.front() +
                      " or localhost with the same port; ask it by one of these names");
  }
  if (claims->origin && !same_text(*claims->origin, "http://" + std::string(host))) {
    return refuse(403, "api.refused_origin",
                  "the header Origin is " + quoted(*claims->origin) + ": no page of another site may call this server");
  }
  if (auto page = page_answer({header.method_string().data(), header.method_string().size()}, {header.target().data(), header.target().size()})) {
    return std::move(*page);
  }
  if (!claims->authorization) {
    return refuse(401, "api.refused_token",
                  "there is no header Authorization; give `Bearer <token>` with a token of api.tokens");
  }
  const Token* owner = owner_of(bearer_token(*claims->authorization));
  if (owner == nullptr) {
    return refuse(401, "api.refused_token",
                  "the header Authorization is not `Bearer <token>` with a token of api.tokens; compare the two");
  }
  if (claims->agent && *claims->agent != owner->agent) {
    return refuse(403, "api.refused_agent",
                  "the header X-Claw-Agent is " + quoted(*claims->agent) + ", and the token is " + owner->agent +
                      "'s; leave the header out, on TCP the token says who calls");
  }
  return verdict(parse_caller(owner->agent, claims->session.value_or("")));
}

bool TokenAccess::is_own_host(std::string_view host) const {
  for (const std::string& own : hosts_) {
    if (same_text(host, own)) return true;
  }
  return false;
}

/// Digests are compared, so that neither length nor content shows in the time taken, and all of them, so that neither
/// does whose token it is.
const Token* TokenAccess::owner_of(std::string_view token) const {
  const Bytes32 digest = cryptography_.sha256(token);
  const Token* owner = nullptr;
  for (const Token& candidate : tokens_) {
    if (cryptography_.equal(candidate.digest, digest)) owner = &candidate;
  }
  return owner;
}

Answer TokenAccess::refuse(unsigned status, std::string_view counter, std::string why) {
  refusals_.add(counter, why);
  return error_answer(status, {ErrorCode::Forbidden, std::move(why), false});
}

}  // namespace clawbridge::api
