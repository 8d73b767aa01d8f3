#include "bridge/mcp/tools.h"

#include <nlohmann/json.hpp>

namespace clawbridge::mcp {
namespace {

using nlohmann::json;

constexpr std::string_view kPrefix = "claw_";

json object(json properties, json required = json::array()) {
  json schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

/// The arguments of a tool: nothing else is taken, and none of them says who asks.
json arguments(json properties, json required = json::array()) {
  json schema = object(std::move(properties), std::move(required));
  schema["additionalProperties"] = false;
  return schema;
}

json of(const char* type) { return {{"type", type}}; }
json of(const char* type, const char* description) { return {{"type", type}, {"description", description}}; }
json text(const char* description) { return of("string", description); }
json whole(const char* description) { return {{"type", "integer"}, {"minimum", 0}, {"description", description}}; }
json amount(const char* description) { return {{"type", "number"}, {"minimum", 0}, {"description", description}}; }
json list(json items, const char* description) { return {{"type", "array"}, {"items", std::move(items)}, {"description", description}}; }
json choice(json words, const char* description) { return {{"type", "string"}, {"enum", std::move(words)}, {"description", description}}; }

// ---- arguments ----

json gateway() { return text("Name of the gateway (machine), e.g. \"imac\". May be left out when agentId is known on one gateway only."); }
json agent_id() { return text("Agent there, e.g. \"jarvis\"; \"imac/jarvis\" names the gateway too."); }
json session_key() { return text("Session there, e.g. \"agent:jarvis:main\"; \"imac/agent:jarvis:main\" names the gateway too."); }
json timeout() { return amount("How many seconds to wait for the answer (default 10)."); }
json expires() { return {{"type", "number"}, {"exclusiveMinimum", 0}, {"description", "Do not start it later than this many seconds from now, e.g. when its machine sleeps until then."}}; }
json late_reply() {
  return choice({"deliver", "keep"}, "A reply after the wait has ended: deliver it into the calling session as a message, or keep it for claw_exchange.");
}
json files() {
  return list(object({{"name", text("File name.")}, {"mimeType", text("e.g. image/png")}, {"content", text("The file's bytes, base64.")}}, {"content"}),
              "Files to send along, at most 16.");
}

// ---- results ----

json error() { return object({{"code", of("string", "e.g. forbidden")}, {"message", text("What is wrong, and what to do.")}, {"retryable", of("boolean", "The same may succeed later.")}}); }

json exchange_result() {
  return object(
      {{"status", text("ok, no_reply: it has ended. accepted: on its way, or still being answered. Anything else: it has failed.")},
       {"correlationId", text("Names this request for claw_exchange.")},
       {"reply", text("What the agent answered.")},
       {"truncated", of("boolean", "The reply may be cut.")},
       {"gateway", text("Where it went.")},
       {"agent", text("Who was asked.")},
       {"remote", of("boolean", "On another machine.")},
       {"sessionKey", text("The session it ran in.")},
       {"childSessionKey", text("The session that was made for it.")},
       {"runId", text("The turn on that gateway.")},
       {"stage", text("The latest stage reached: accepted, published, stored, queued, started, ended.")},
       {"stages", list(object({{"stage", of("string")}, {"time", of("string")}}), "Every stage reached, with its time.")},
       {"attachments", list(object({{"name", of("string")}, {"mimeType", of("string")}, {"content", text("base64")}, {"digest", text("SHA-256, hex")}}), "Files of the reply.")},
       {"hint", text("Why nothing happens yet.")},
       {"reason", text("Why it waits there.")},
       {"unreachable", of("boolean", "Something cannot be reached now.")},
       {"result", text("Of a cancel: cancelled, already_ended, cannot_abort or requested.")},
       {"ran", of("boolean", "Of a cancel: whether the turn had started.")},
       {"error", error()}},
      {"status"});
}

json answer_of_gateway(json properties) {
  properties["gateway"] = text("Who answered.");
  properties["remote"] = of("boolean", "On another machine.");
  return object(std::move(properties), {"gateway", "remote"});
}

json agents_result() {
  return object({{"requester", text("The agent that asks.")},
                 {"agents", list(object({{"gateway", of("string")},
                                         {"id", of("string")},
                                         {"name", of("string")},
                                         {"presence", text("online, degraded, offline or unseen")},
                                         {"remote", of("boolean", "On another machine.")},
                                         {"ops", list(of("string"), "What you may ask of it.")},
                                         {"why", text("Why its gateway did not say what you may ask.")}},
                                        {"gateway", "id"}),
                                 "Every agent known.")}},
                {"agents"});
}

// ---- tools ----

enum class Effect { Reads, Acts, Stops };

json annotations(const char* title, Effect effect) {
  return {{"title", title},
          {"readOnlyHint", effect == Effect::Reads},
          {"destructiveHint", effect == Effect::Stops},
          {"idempotentHint", effect != Effect::Acts},
          {"openWorldHint", true}};
}

json tool(const char* name, const char* title, Effect effect, const char* description, json input, json output) {
  return {{"name", name},
          {"title", title},
          {"description", description},
          {"inputSchema", std::move(input)},
          {"outputSchema", std::move(output)},
          {"annotations", annotations(title, effect)}};
}

json make_tools() {
  return json::array({
      tool("claw_sessions_send", "Send to another gateway", Effect::Acts,
           "Send a message to an agent or session of another gateway (another machine) and get its reply. Name the target by agentId, sessionKey or "
           "label; add gateway when it is not clear. Status \"ok\" brings the reply. \"accepted\" means that it is safely on its way or still being "
           "answered: do not send it again, ask claw_exchange with the correlationId.",
           arguments({{"message", text("What to say.")},
                      {"gateway", gateway()},
                      {"agentId", agent_id()},
                      {"sessionKey", session_key()},
                      {"label", text("Session there by its label.")},
                      {"timeoutSeconds", amount("How many seconds to wait for the reply (default 30). 0: do not wait.")},
                      {"expiresInSeconds", expires()},
                      {"lateReply", late_reply()},
                      {"attachments", files()}},
                     {"message"}),
           exchange_result()),
      tool("claw_sessions_spawn", "Spawn on another gateway", Effect::Acts,
           "Start a task in a fresh session of an agent on another gateway. Returns as soon as it has started, with childSessionKey and correlationId; "
           "claw_exchange brings the result when the task is done.",
           arguments({{"task", text("What to do.")},
                      {"gateway", gateway()},
                      {"agentId", agent_id()},
                      {"label", text("A label for the new session.")},
                      {"model", text("Model to use there.")},
                      {"thinking", text("Thinking level to use there.")},
                      {"runTimeoutSeconds", amount("Stop the task after so many seconds.")},
                      {"timeoutSeconds", amount("How many seconds to wait until it has started (default 30).")},
                      {"expiresInSeconds", expires()},
                      {"lateReply", late_reply()},
                      {"attachments", files()}},
                     {"task"}),
           exchange_result()),
      tool("claw_sessions_list", "Sessions of another gateway", Effect::Reads,
           "List the sessions of an agent, or of all agents, on another gateway that you may see: keys, labels, when they were last active.",
           arguments({{"gateway", gateway()},
                      {"agentId", agent_id()},
                      {"limit", whole("How many at most.")},
                      {"offset", whole("Skip so many.")},
                      {"activeMinutes", amount("Only those active in the last minutes.")},
                      {"messageLimit", whole("Bring so many last messages of each.")},
                      {"kinds", list(of("string"), "Only these kinds of sessions.")},
                      {"label", text("Only with this label.")},
                      {"search", text("Only those that match this text.")},
                      {"timeoutSeconds", timeout()}}),
           answer_of_gateway({{"sessions", list(of("object"), "The sessions.")}, {"count", whole("How many.")}})),
      tool("claw_sessions_history", "History of another gateway", Effect::Reads,
           "Read the latest messages of a session on another gateway. To get the reply to something you sent, use claw_exchange instead.",
           arguments({{"sessionKey", session_key()},
                      {"gateway", gateway()},
                      {"agentId", agent_id()},
                      {"limit", whole("How many messages at most.")},
                      {"offset", whole("Skip so many of the latest.")},
                      {"includeTools", of("boolean", "With the calls of tools and their results.")},
                      {"timeoutSeconds", timeout()}},
                     {"sessionKey"}),
           answer_of_gateway({{"messages", list(of("object"), "The messages, oldest first.")}, {"truncated", of("boolean", "Older ones are left out.")}})),
      tool("claw_session_status", "Session status on another gateway", Effect::Reads,
           "See whether a session on another gateway is busy, its model, and when it was last active.",
           arguments({{"sessionKey", session_key()}, {"gateway", gateway()}, {"agentId", agent_id()}, {"timeoutSeconds", timeout()}}),
           answer_of_gateway({{"session", of("object", "What its gateway says of it.")}})),
      tool("claw_agents_list", "Agents of all gateways", Effect::Reads,
           "List the agents of all gateways: where each is, whether its machine is online, and what you may ask of it. Look here first when you do not "
           "know who is there.",
           arguments({{"gateway", text("Only of this gateway.")}, {"timeoutSeconds", timeout()}}), agents_result()),
      tool("claw_exchange", "An earlier request", Effect::Stops,
           "What became of an earlier claw_sessions_send or claw_sessions_spawn: the stage it reached, and its reply when there is one. Action wait waits "
           "for the reply; cancel stops it, if it has not run yet or can still be stopped.",
           arguments({{"correlationId", text("From the result of the request.")},
                      {"action", choice({"show", "wait", "cancel"}, "Default: show.")},
                      {"timeoutSeconds", amount("How many seconds to wait (default 30).")}},
                     {"correlationId"}),
           exchange_result()),
  });
}

const json& tools() {
  static const json made = make_tools();
  return made;
}

}  // namespace

const std::string& tools_json() {
  static const std::string text = tools().dump();
  return text;
}

std::optional<std::string> operation_of(std::string_view name) {
  for (const auto& tool : tools()) {
    if (tool["name"] == name) return std::string(name.substr(kPrefix.size()));
  }
  return std::nullopt;
}

std::string tool_names() {
  std::string names;
  for (const auto& tool : tools()) names += (names.empty() ? "" : ", ") + tool["name"].get<std::string>();
  return names;
}

}  // namespace clawbridge::mcp
