// The OpenClaw plugin of clawbridge: gives agents the claw_* tools, and carries each call to the daemon on this machine.
//
// The same files run in 2026.3.8 and 2026.9.6, without a build and without dependencies. Who calls is what OpenClaw says
// of the turn (the factory's context), never what the model writes into its arguments.
import { callerFrom } from "./caller.js";
import { Daemon } from "./daemon.js";
import { failed, forAgent } from "./results.js";
import { nativeCallHook } from "./sugar.js";
import { TOOLS } from "./tools.js";

const asToolResult = (result) => ({ content: [{ type: "text", text: JSON.stringify(result) }], details: result });

/** One tool for one caller, in the shape that both versions take. */
function toolFor(definition, daemon, context) {
  return {
    name: definition.name,
    label: definition.label,
    description: definition.description,
    parameters: definition.parameters,
    // With 2026.9's tool search on, which is its default, other plugin tools are hidden behind `tool_call`.
    catalogMode: "direct-only",
    // An abort means that nobody waits any more: the request is closed. What was accepted goes on, and its reply is
    // delivered to the session as a late one.
    async execute(_toolCallId, args, signal, onUpdate) {
      const onProgress = typeof onUpdate !== "function" ? undefined
        : (text) => onUpdate({ content: [{ type: "text", text }], details: { status: "running", text } });
      try {
        const caller = callerFrom(context);
        return asToolResult(forAgent(await daemon.call(definition.operation, args ?? {}, caller, { signal, onProgress })));
      } catch (error) {
        if (signal?.aborted) throw error;
        return asToolResult(failed(error));
      }
    },
  };
}

export default {
  id: "clawbridge",
  name: "clawbridge",
  description: "Talk to agents of other gateways, through the clawbridge daemon on this machine",
  register(api) {
    const settings = api.pluginConfig ?? {};
    const daemon = new Daemon(settings.socket);
    for (const definition of TOOLS) {
      api.registerTool((context) => toolFor(definition, daemon, context), { name: definition.name });
    }
    if (settings.sugar !== false) {
      const { hook, options } = nativeCallHook(daemon);
      api.on("before_tool_call", hook, options);
    }
  },
};
