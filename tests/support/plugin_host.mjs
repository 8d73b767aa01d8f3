// Stands in for OpenClaw around the plugin: loads it as a gateway does, makes the calls that stdin asks for, all at once.
//   plugin_host.mjs <plugin folder> <plugin config as JSON>
// First line out: {"tools":[…],"hooks":[…]}. Each line in is a call: {"id","tool","context","args","abortAfterMs"?,"updatesFail"?} or
// {"id","hook":{"toolName","params"},"context"}; each line out its end: {"id","result"|"error","updates":[…]}.
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const [, , folder, config] = process.argv;
const { default: plugin } = await import(pathToFileURL(path.join(folder, "index.js")));
const factories = new Map();
const hooks = new Map();
plugin.register({
  pluginConfig: JSON.parse(config),
  registerTool: (factory, { name }) => factories.set(name, factory),
  on: (name, hook, options) => hooks.set(name, { hook, options }),
});

const say = (line) => console.log(JSON.stringify(line));
say({
  tools: [...factories.entries()].map(([name, factory]) => { const { execute, ...shown } = factory({}); return { ...shown, registeredAs: name }; }),
  hooks: [...hooks.entries()].map(([name, { options }]) => ({ name, ...options })),
});

async function carryOut(call, updates) {
  if (call.hook) return (await hooks.get("before_tool_call").hook(call.hook, call.context)) ?? null;
  const aborter = new AbortController();
  if (call.abortAfterMs !== undefined) setTimeout(() => aborter.abort(), call.abortAfterMs);
  return await factories.get(call.tool)(call.context).execute(call.id, call.args, aborter.signal, (update) => {
    if (call.updatesFail) throw new Error("nobody looks on");
    updates.push(update);
  });
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const updates = [];
  carryOut(call, updates).then((result) => say({ id: call.id, result, updates }), (error) => say({ id: call.id, error: `${error.name}: ${error.message}`, updates }));
}
