#include "bridge/cli/target.h"

#include "bridge/cli/failure.h"
#include "topics/address.h"

namespace clawbridge::cli {
namespace {

bool is_session_key(std::string_view text) {
  return text.starts_with("agent:");
}

[[noreturn]] void refuse(const std::string& text) {
  throw usage("cannot understand the target \"" + text +
              "\"; write gateway/agent (imac/jarvis), a session key (agent:jarvis:main or imac/agent:jarvis:main), or "
              "an agent's name");
}

}  // namespace

Target parse_target(const std::string& text, const std::string& label, const std::string& session) {
  if (!label.empty() && !session.empty())
    throw usage("--label and --session name two different sessions; give one of them");
  Target target;
  target.label = label;
  target.session_key = session;
  const std::size_t slash = text.find('/');
  // A session key may have slashes of its own: only what stands before the first one can be a gateway.
  const bool has_gateway = slash != std::string::npos && !is_session_key(text);
  if (has_gateway) target.gateway = text.substr(0, slash);
  const std::string rest = has_gateway ? text.substr(slash + 1) : text;
  if (has_gateway && !is_gateway_name(target.gateway)) refuse(text);
  if (is_session_key(rest)) {
    if (!label.empty() || !session.empty())
      throw usage("the target \"" + text + "\" is a session already; leave out --label and --session");
    target.session_key = rest;
    return target;
  }
  if (!has_gateway && !label.empty()) {
    if (!is_gateway_name(rest)) refuse(text);
    target.gateway = rest;
    return target;
  }
  if (!is_agent_id(rest)) refuse(text);
  target.agent = rest;
  return target;
}

Caller parse_caller(const std::string& text) {
  if (text.empty()) return {};
  if (!is_session_key(text)) {
    if (is_agent_id(text)) return {text, {}};
  } else if (const auto end = text.find(':', 6); end != std::string::npos && is_agent_id(text.substr(6, end - 6))) {
    return {text.substr(6, end - 6), text};
  }
  throw usage("cannot understand --as \"" + text + "\"; name a local agent (main) or a session of one (agent:main:main)");
}

}  // namespace clawbridge::cli
