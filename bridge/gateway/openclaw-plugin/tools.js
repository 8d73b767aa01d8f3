// The tools as the model sees them. Their arguments are those of OpenClaw's session tools that mean something on another
// gateway, and `gateway`. What they mean in detail, and what is allowed, the daemon decides.

const text = (description) => ({ type: "string", description });
const whole = (description) => ({ type: "integer", minimum: 0, description });
const object = (properties, required = []) => ({ type: "object", properties, required });

const gateway = text('Name of the gateway (machine), e.g. "imac". May be left out when agentId is known on one gateway only.');
const agentId = text('Agent there, e.g. "jarvis"; "imac/jarvis" names the gateway too.');
const sessionKey = text('Session there, e.g. "agent:jarvis:main"; "imac/agent:jarvis:main" names the gateway too.');
const timeoutSeconds = { type: "number", minimum: 0, description: "How long to wait for the answer (default 30)." };
const expiresInSeconds = { type: "number", minimum: 1, description: "Do not start it later than this, e.g. when its machine is asleep until then." };
const lateReply = {
  type: "string", enum: ["deliver", "keep"],
  description: "A reply after the wait has ended: deliver it into this session as a message, or keep it for claw_exchange.",
};
const attachments = {
  type: "array", description: "Files to send along.",
  items: object({ name: text("File name."), mimeType: text("e.g. image/png"), content: text("The file, base64.") }, ["content"]),
};

export const TOOLS = [
  {
    name: "claw_sessions_send", operation: "sessions_send", label: "Send to another gateway",
    description:
      "Send a message to an agent or session of another gateway (another machine) and get its reply. " +
      "Name the target by agentId, sessionKey or label; add gateway when it is not clear. " +
      'status "ok" brings the reply. "accepted" means that it is safely on its way or still being answered: do not send it again; ' +
      "the reply comes into this session later, or ask claw_exchange with the correlationId. " +
      '"error" and "forbidden" say why and what to do.',
    parameters: object({
      message: text("What to say."), gateway, agentId, sessionKey, label: text("Session there by its label."),
      timeoutSeconds: { ...timeoutSeconds, description: "How long to wait for the reply (default 30). 0: do not wait." },
      expiresInSeconds, lateReply, attachments,
    }, ["message"]),
  },
  {
    name: "claw_sessions_spawn", operation: "sessions_spawn", label: "Spawn on another gateway",
    description:
      "Start a task in a fresh session of an agent on another gateway. Returns at once with childSessionKey and correlationId; " +
      "the result comes into this session when the task is done (lateReply: keep leaves it to claw_exchange).",
    parameters: object({
      task: text("What to do."), gateway, agentId, label: text("A label for the new session."),
      model: text("Model to use there."), thinking: text("Thinking level to use there."),
      runTimeoutSeconds: whole("Stop the task after this long."),
      timeoutSeconds: { ...timeoutSeconds, description: "How long to wait until it has started (default 30)." },
      expiresInSeconds, lateReply, attachments,
    }, ["task"]),
  },
  {
    name: "claw_sessions_list", operation: "sessions_list", label: "Sessions of another gateway",
    description: "List the sessions of an agent on another gateway that you may see: keys, labels, when they were last active.",
    parameters: object({
      gateway, agentId, limit: whole("How many at most."), offset: whole("Skip so many."),
      activeMinutes: whole("Only those active in the last minutes."), messageLimit: whole("Bring so many last messages of each."),
      kinds: { type: "array", items: { type: "string" }, description: "Only these kinds of sessions." },
      label: text("Only with this label."), search: text("Only those that match this text."), timeoutSeconds,
    }),
  },
  {
    name: "claw_sessions_history", operation: "sessions_history", label: "History of another gateway",
    description: "Read the latest messages of a session on another gateway. To get the reply to something you sent, use claw_exchange instead.",
    parameters: object({
      sessionKey, gateway, agentId, limit: whole("How many messages at most."), offset: whole("Skip so many of the latest."),
      includeTools: { type: "boolean", description: "With the tool calls and their results." }, timeoutSeconds,
    }, ["sessionKey"]),
  },
  {
    name: "claw_session_status", operation: "session_status", label: "Session status on another gateway",
    description: "See whether a session on another gateway is busy, its model, and when it was last active.",
    parameters: object({ sessionKey, gateway, agentId, timeoutSeconds }),
  },
  {
    name: "claw_agents_list", operation: "agents_list", label: "Agents of all gateways",
    description:
      "List the agents of all gateways: where each is, whether its machine is online, and what you may ask of it. " +
      "Look here first when you do not know who is there.",
    parameters: object({ gateway: text("Only of this gateway."), timeoutSeconds }),
  },
  {
    name: "claw_exchange", operation: "exchange", label: "An earlier request",
    description:
      "What became of an earlier claw_sessions_send or claw_sessions_spawn: the stage it reached, and its reply when there is one. " +
      "action wait waits for the reply; cancel stops it, if it has not run yet or can still be stopped.",
    parameters: object({
      correlationId: text("From the result of the request."),
      action: { type: "string", enum: ["show", "wait", "cancel"], description: "Default: show." }, timeoutSeconds,
    }, ["correlationId"]),
  },
];
