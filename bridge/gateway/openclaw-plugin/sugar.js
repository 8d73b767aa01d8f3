// Native sessions_send and sessions_spawn that name another gateway are answered through the bridge.
//
// A plugin cannot replace a built-in tool, but it may answer its call: a blocked call shows the model the reason, word for
// word. Calls that name no gateway are not touched.
import { callerFrom } from "./caller.js";
import { failed, forAgent } from "./results.js";

const OPERATIONS = ["sessions_send", "sessions_spawn"];
const REMOTE_KEY = /^[a-z0-9][a-z0-9_-]{0,62}\/agent:/;
// 2026.9.6 blocks a call whose hook takes longer than 15 s, unless the hook has a time of its own.
const LONGEST_WAIT_MS = 7 * 24 * 3600 * 1000;

const isText = (value) => typeof value === "string" && value.trim() !== "";

/** What to say to a call that brings an address and a token of its own; nothing for every other call. */
function addressRefusal(args) {
  // Models like to fill in what they leave out: with nothing, or an empty text.
  const given = ["gatewayUrl", "gatewayToken"].filter((name) => (args[name] ?? "") !== "");
  if (given.length === 0) return undefined;
  return { status: "error", error: `${given.join(" and ")} cannot be used: agents do not connect to other gateways themselves, the bridge does. ` +
    'Name the gateway instead, for example gateway: "imac", or use claw_sessions_send; claw_agents_list shows which gateways there are.' };
}

const isRemote = (args) => isText(args.gateway) || (isText(args.sessionKey) && REMOTE_KEY.test(args.sessionKey));

/** The hook before_tool_call, and how it is to be registered. */
export function nativeCallHook(daemon) {
  const answer = async (event, context) => {
    const args = event.params ?? {};
    const refused = addressRefusal(args);
    if (refused) return refused;
    if (!isRemote(args)) return undefined;
    try {
      return forAgent(await daemon.call(event.toolName, args, callerFrom(context)));
    } catch (error) {
      return failed(error);
    }
  };
  const hook = async (event, context) => {
    if (!OPERATIONS.includes(event.toolName)) return undefined;
    const result = await answer(event, context);
    return result && { block: true, blockReason: JSON.stringify(result) };
  };
  return { hook, options: { matcher: OPERATIONS, timeoutMs: LONGEST_WAIT_MS } };
}
