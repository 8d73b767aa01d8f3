#include "bridge/core/admission.h"

#include "bridge/core/router.h"

namespace clawbridge::core {

using action::Level;

constexpr std::size_t kLabelBytesMax = 256;
constexpr std::size_t kSessionKeyBytesMax = 512;

std::optional<body::Reply> Admission::reject(const Message& message, const PolicyRule*& rule) const {
  if (message.major != 1 || message.op == Operation::Unknown) {
    return rejected(ErrorCode::Unsupported, context_.me() + " does not know " + message.op_name + (message.major != 1 ? " of that version" : ""));
  }
  if (const auto* error = std::get_if<Error>(&message.body)) return rejected(error->code, error->message);
  const auto* send = message.get<body::SessionsSend>();
  if (send != nullptr) {
    // Whose session it is comes first: a rule about sessions is never asked about one that is not the agent's own.
    if (auto no = reject_target(message, *send)) return no;
  }
  std::optional<std::string> session = default_session(message.subject.agent);
  if (send != nullptr && !send->label.empty()) session.reset();
  if (send != nullptr && !send->session_key.empty()) session = send->session_key;
  if (auto no = reject_by_policy(message.source, message.op, message.op_name, message.subject, session, rule)) return no;
  if (rule != nullptr && rule->message_bytes != 0 && message.covered.size() > rule->message_bytes) {
    return rejected(ErrorCode::TooLarge, "the message has " + std::to_string(message.covered.size()) + " bytes, and " + context_.me() + " takes " +
                                             std::to_string(rule->message_bytes) + " from " + message.source.str());
  }
  switch (message.op) {
    case Operation::SessionsSpawn:
    case Operation::SessionsHistory:
    case Operation::SessionsList:
    case Operation::SessionStatus: return rejected(ErrorCode::Unsupported, context_.me() + " does not carry out " + message.op_name + " in this release");
    case Operation::AgentsList:
    case Operation::Status:
    case Operation::Cancel:
    case Operation::Ping:
      if (!message.subject.is_bridge()) return rejected(ErrorCode::BadRequest, message.op_name + " is asked of " + context_.me() + "/_bridge");
      return std::nullopt;
    default: break;
  }
  return gateway_.reject_agent(message.source, message.subject.agent);
}

std::optional<body::Reply> Admission::reject_target(const Message& message, const body::SessionsSend& send) const {
  const auto& agent = message.subject.agent;
  if (message.subject.is_bridge()) return rejected(ErrorCode::BadRequest, "sessions_send is asked of an agent, not of the bridge");
  if (send.label.size() > kLabelBytesMax || send.session_key.size() > kSessionKeyBytesMax) {
    return rejected(ErrorCode::BadRequest, "the session key or label is too long");
  }
  if (!send.session_key.empty()) {
    const auto owner = agent_of_session(send.session_key);
    if (owner.empty()) return rejected(ErrorCode::BadRequest, "sessionKey must be written agent:" + agent + ":<name>");
    if (owner != agent) return rejected(ErrorCode::Forbidden, "session " + send.session_key + " is not " + agent + "'s own");
  }
  return std::nullopt;
}

std::optional<body::Reply> Admission::reject_by_policy(const Address& source, Operation op, const std::string& op_name, const Address& target,
                                                   const std::optional<std::string>& session, const PolicyRule*& rule) const {
  if (source.gateway == context_.me()) return std::nullopt;
  const auto decision = policy_.judge(source, op, target.agent, session);
  rule = decision.rule;
  if (decision.what != Decision::What::Deny) return std::nullopt;
  context_.count("request.forbidden");
  context_.note(Level::Warn, "request.forbidden",
                {{"from", source.str()}, {"to", target.str()}, {"op", op_name}, {"session", session.value_or("")},
                 {"rule", rule != nullptr ? rule->place : "default"}});
  return rejected(ErrorCode::Forbidden, source.str() + " may not use " + op_name + " on " + target.str() +
                                            (session && !target.is_bridge() && *session != default_session(target.agent) ? " in " + *session : "") + "; ask " +
                                            context_.me() + "'s operator for a policy rule that allows it");
}

std::optional<body::Reply> Admission::reject_loop(const std::vector<std::string>& chain, std::string_view session_key) const {
  std::string why;
  if (chain.size() > context_.options.limits.max_hops) {
    why = "the chain of requests that led here is longer than " + context_.me() + "'s limit of " + std::to_string(context_.options.limits.max_hops);
  }
  for (const auto& id : chain) {
    const auto awaited = context_.awaited.find(id);
    if (awaited == context_.awaited.end() || awaited->second != session_key) continue;
    why = std::string(session_key) + " still waits for the reply to " + id + ", which led to this request";
    break;
  }
  if (why.empty()) return std::nullopt;
  return rejected(ErrorCode::Loop, why + "; answer the request instead of asking back, or ask without waiting");
}

}  // namespace clawbridge::core
