#include "bridge/core/admission.h"

#include "bridge/core/router.h"
#include "bridge/core/task.h"

namespace clawbridge::core {

using action::Level;

constexpr std::size_t kLabelBytesMax = 256;
constexpr std::size_t kSessionKeyBytesMax = 512;

namespace {

// A list that brings messages is a piece of every history in it, whichever sessions there are.
std::optional<Error> refuse_last_messages(const Policy& policy, const std::string& me, const Message& message,
                                          const std::vector<std::string>& agents) {
  const auto* list = message.get<body::SessionsList>();
  if (list == nullptr || list->message_limit.value_or(0) == 0 || message.source.gateway == me) return std::nullopt;
  for (const auto& agent : agents) {
    if (policy.judge(message.source, Operation::SessionsHistory, agent, std::nullopt).what == Decision::What::Allow)
      continue;
    return Error{ErrorCode::Forbidden,
                 "messageLimit brings messages of every session, and " + message.source.str() +
                     " may not use sessions_history on all those of " + me + "/" + agent +
                     "; leave messageLimit out, or ask " + me + "'s operator for a policy rule that allows it",
                 false};
  }
  return std::nullopt;
}

}  // namespace

std::optional<body::Reply> Admission::reject(const Message& message, const PolicyRule*& rule) const {
  if (message.major != 1 || message.op == Operation::Unknown) {
    return rejected(ErrorCode::Unsupported, context_.me() + " does not know " + message.op_name +
                                                (message.major != 1 ? " of that version" : ""));
  }
  if (const auto* error = std::get_if<Error>(&message.body)) return rejected(error->code, error->message);
  // Whose session it is comes first: a rule about sessions is never asked about one that is not the agent's own.
  const auto aimed = aim_of(message);
  if (const auto* no = std::get_if<body::Reply>(&aimed)) return *no;
  const auto& aim = std::get<Aim>(aimed);
  if (auto no = reject_by_policy(message.source, message.op, message.op_name, {message.subject.gateway, aim.agent},
                                 aim.session, rule))
    return no;
  if (rule != nullptr && rule->message_bytes != 0 && message.covered.size() > rule->message_bytes) {
    return rejected(ErrorCode::TooLarge, "the message has " + std::to_string(message.covered.size()) + " bytes, and " +
                                             context_.me() + " takes " + std::to_string(rule->message_bytes) +
                                             " from " + message.source.str());
  }
  if (message.op == Operation::SessionsList) {
    if (auto error = refuse_last_messages(policy_, context_.me(), message, agents_to_read(message))) {
      context_.count("request.forbidden");
      return rejected(error->code, error->message);
    }
  }
  if (auto error = check_attachments(context_.crypto, message)) return rejected(error->code, error->message);
  return aim.agent == kBridgeAgent ? std::nullopt : gateway_.reject_agent(message.source, aim.agent);
}

std::variant<Admission::Aim, body::Reply> Admission::aim_of(const Message& message) const {
  const auto& op = message.op_name;
  std::string_view label;
  std::string_view session_key;
  bool of_bridge = false;  // may be asked of the bridge
  bool of_agent = true;
  if (const auto* send = message.get<body::SessionsSend>()) {
    label = send->label;
    session_key = send->session_key;
  } else if (const auto* spawn = message.get<body::SessionsSpawn>()) {
    label = spawn->label;
  } else if (const auto* history = message.get<body::SessionsHistory>()) {
    session_key = history->session_key;
  } else if (const auto* status = message.get<body::SessionStatus>()) {
    session_key = status->session_key;
    of_bridge = !session_key.empty();
  } else if (message.op == Operation::SessionsList) {
    of_bridge = true;
  } else {
    of_bridge = true;
    of_agent = false;
  }
  if (message.subject.is_bridge() ? !of_bridge : !of_agent) {
    return rejected(ErrorCode::BadRequest, message.subject.is_bridge()
                                               ? op + " is asked of an agent, not of the bridge"
                                               : op + " is asked of " + context_.me() + "/_bridge");
  }
  if (label.size() > kLabelBytesMax || session_key.size() > kSessionKeyBytesMax)
    return rejected(ErrorCode::BadRequest, "the session key or label is too long");
  Aim aim{message.subject.agent, default_session(message.subject.agent)};
  if (!session_key.empty()) {
    const auto owner = agent_of_session(session_key);
    if (owner.empty()) {
      return rejected(ErrorCode::BadRequest, "sessionKey must be written agent:" +
                                                 (message.subject.is_bridge() ? "<id>" : aim.agent) + ":<name>");
    }
    if (message.subject.is_bridge()) aim.agent = owner;
    if (owner != aim.agent)
      return rejected(ErrorCode::Forbidden, "session " + std::string(session_key) + " is not " + aim.agent + "'s own");
    aim.session = session_key;
  }
  if (message.op == Operation::SessionsSpawn) {
    aim.session = spawned_session(aim.agent, message.source.gateway, message.id);
  } else if (!label.empty()) {
    aim.session.reset();
  }
  return aim;
}

std::vector<std::string> Admission::agents_to_read(const Message& message) const {
  const auto aim = aim_of(message);
  const auto* aimed = std::get_if<Aim>(&aim);
  if (aimed == nullptr) return {};
  if (aimed->agent != kBridgeAgent) return {aimed->agent};
  std::vector<std::string> agents;
  const bool own = message.source.gateway == context_.me();
  for (const auto& agent : gateway_.info().agents) {
    if (gateway_.reject_agent(message.source, agent.id)) continue;
    if (own ||
        policy_.judge(message.source, message.op, agent.id, default_session(agent.id)).what == Decision::What::Allow)
      agents.push_back(agent.id);
  }
  return agents;
}

Admission::Readable Admission::readable(const Message& message) const {
  Readable readable{.agents = agents_to_read(message), .rules = {}};
  if (message.op != Operation::SessionsList || message.source.gateway == context_.me()) return readable;
  for (const auto& agent : readable.agents) {
    for (auto& rule : policy_.session_rules(message.source, message.op, agent))
      readable.rules.push_back(std::move(rule));
  }
  return readable;
}

std::optional<body::Reply> Admission::reject_by_policy(const Address& source, Operation op, const std::string& op_name,
                                                       const Address& target, const std::optional<std::string>& session,
                                                       const PolicyRule*& rule) const {
  if (source.gateway == context_.me()) return std::nullopt;
  const auto decision = policy_.judge(source, op, target.agent, session);
  rule = decision.rule;
  if (decision.what != Decision::What::Deny) return std::nullopt;
  context_.count("request.forbidden");
  context_.note(Level::Warn, "request.forbidden",
                {{"from", source.str()},
                 {"to", target.str()},
                 {"op", op_name},
                 {"session", session.value_or("")},
                 {"rule", rule != nullptr ? rule->place : "default"}});
  return rejected(
      ErrorCode::Forbidden,
      source.str() + " may not use " + op_name + " on " + target.str() +
          (session && !target.is_bridge() && *session != default_session(target.agent) ? " in " + *session : "") +
          "; ask " + context_.me() + "'s operator for a policy rule that allows it");
}

std::optional<body::Reply> Admission::reject_loop(const std::vector<std::string>& chain,
                                                  std::string_view session_key) const {
  std::string why;
  if (chain.size() > context_.options.limits.max_hops) {
    why = "the chain of requests that led here is longer than " + context_.me() + "'s limit of " +
          std::to_string(context_.options.limits.max_hops);
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
