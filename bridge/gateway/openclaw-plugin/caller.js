// Who calls, as the daemon is told: from OpenClaw's own context.

/** The headers that name the caller. Throws when OpenClaw does not say: without them the daemon would take it for a person. */
export function callerFrom(context) {
  const session = context?.sessionKey ?? "";
  const agent = context?.agentId || /^agent:([^:]+):/.exec(session)?.[1];
  if (!agent) throw new Error("clawbridge cannot tell which agent calls: OpenClaw gave the tool no agent id. Nothing was sent.");
  const headers = { "X-Claw-Agent": agent };
  // Keys such as `global` belong to no agent. Then late replies have no session to go to, and stay with claw_exchange.
  if (session.startsWith(`agent:${agent}:`) && !/[\u0000-\u001f\u007f]/.test(session)) {
    headers["X-Claw-Session"] = Buffer.from(session, "utf8").toString("latin1");  // a header's characters are its bytes
  }
  return headers;
}
