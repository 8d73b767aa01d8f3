#include "bridge/api/caller.h"

#include "bridge/api/argument_reader.h"
#include "bridge/api/quoted.h"
#include "topics/encoding.h"

namespace clawbridge::api {
namespace {

constexpr std::size_t kSessionBytesMax = 1024;

/// The C0 and C1 controls and DEL. REQUIRES: valid UTF-8.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

}  // namespace

Result<Caller> parse_caller(std::string_view agent, std::string_view session) {
  if (agent.empty()) agent = kBridgeAgent;
  const bool is_person = agent == kBridgeAgent || agent == kWatchCaller;
  if (!is_person && !is_agent_id(agent)) {
    return bad_request(
        "header X-Claw-Agent is no agent id ([a-z0-9][a-z0-9_-]{0,63}); leave it out when a person calls");
  }
  if (session.empty()) return Caller{std::string(agent), {}};
  if (session.size() > kSessionBytesMax || find_invalid_utf8(session) || has_control_character(session)) {
    return bad_request("header X-Claw-Session is no session key (at most 1024 bytes of UTF-8, no control characters)");
  }
  if (is_person) {
    return bad_request("header X-Claw-Session needs X-Claw-Agent beside it: sessions are agents', a person has none");
  }
  const std::string own = "agent:" + std::string(agent) + ":";
  if (!session.starts_with("agent:") || session == own) {
    return bad_request("header X-Claw-Session is no session key of " + std::string(agent) + "; give " + own + "<name>");
  }
  if (!session.starts_with(own)) {
    return Error{ErrorCode::Forbidden,
                 "header X-Claw-Session is " + quoted(session) + ", which is no session of " + std::string(agent) +
                     "; give " + own + "<name>, or leave it out",
                 false};
  }
  return Caller{std::string(agent), std::string(session)};
}

}  // namespace clawbridge::api
