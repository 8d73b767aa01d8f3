// Who asks: what the header of a request must say before anything else of it is looked at.
//
// The Unix socket lets in nobody but our own user and root, so its callers are believed when they name an agent. A TCP
// port can be reached by every user and every web page of this machine. There a token says who calls; the Host must be
// ours, because a page whose name was made to point to 127.0.0.1 sends its own; and an Origin must be this server's.
#pragma once

#include <boost/beast/http/message.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/api/answer.h"
#include "bridge/api/caller.h"
#include "bridge/core/action.h"
#include "bridge/core/cryptography.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::api {

/// Counts those who were turned away, and tells of each.
class Refusals {
 public:
  using Report = std::function<void(const core::action::Note&)>;

  explicit Refusals(Report report) : report_(std::move(report)) {}

  /// `counter`: a literal, for example `api.refused_token`. `why` is reported, and may quote what the caller sent;
  /// never a token.
  void add(std::string_view counter, const std::string& why);
  [[nodiscard]] const std::map<std::string_view, std::uint64_t>& counts() const { return counts_; }

 private:
  Report report_;
  std::map<std::string_view, std::uint64_t> counts_;
};

/// The rule of one listener.
class Access {
 public:
  using Header = boost::beast::http::request_header<>;
  using Verdict = std::variant<Caller, Answer>;

  virtual ~Access() = default;
  /// The caller, or the answer to give instead of looking at the request.
  [[nodiscard]] virtual Verdict check(const Header& header) = 0;
};

/// The Unix socket: the caller is whom X-Claw-Agent and X-Claw-Session name, without them a person.
class SocketAccess final : public Access {
 public:
  [[nodiscard]] Verdict check(const Header& header) override;
};

/// Whose token it is, and the token's SHA-256: the token itself is not kept.
struct Token {
  std::string agent;  // or `_bridge`: the person
  Bytes32 digest{};
};

/// TCP: 403 for a Host that is not `own` or localhost with its port, 403 for an Origin that is not that Host, 401
/// without the right token, 403 for an X-Claw-Agent other than the token's. Nothing of the daemon is told without a token,
/// not even /healthz: a check of health has the socket, and without exceptions there is none to get wrong. The files of the
/// web page hold nothing of the daemon, and are given here, to anybody: the page asks for a token itself. Such an answer
/// ends the connection, so a stranger keeps none. `cryptography`, `refusals` must outlive it.
class TokenAccess final : public Access {
 public:
  TokenAccess(std::vector<Token> tokens, const asio::ip::tcp::endpoint& own, const core::Cryptography& cryptography,
              Refusals& refusals);
  [[nodiscard]] Verdict check(const Header& header) override;
  /// Those before count no longer, on connections that are open neither.
  void replace(std::vector<Token> tokens) { tokens_ = std::move(tokens); }

 private:
  [[nodiscard]] bool is_own_host(std::string_view host) const;
  [[nodiscard]] const Token* owner_of(std::string_view token) const;
  Answer refuse(unsigned status, std::string_view counter, std::string why);

  std::vector<Token> tokens_;
  std::vector<std::string> hosts_;  // as a Host header may name us
  const core::Cryptography& cryptography_;
  Refusals& refusals_;
};

}  // namespace clawbridge::api
