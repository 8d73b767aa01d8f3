// The official MCP client, for a test to lead: connects, tells what it was shown, makes the calls that stdin asks for, all at once.
//   client.mjs <node_modules> <transport as JSON>
// Transport: {"url","headers"} or {"command","args","env"}. First line out: {"server","version","tools"} or {"failed"}. Each line
// in is a call: {"id","tool","args","progress"?,"abortAfterMs"?}; each line out its end: {"id","result"|"error","progress":[…]}.
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const [, , modules, transport] = process.argv;
const load = (file) => import(pathToFileURL(path.join(modules, "@modelcontextprotocol/sdk/dist/esm/client", file)));
const { Client } = await load("index.js");
const settings = JSON.parse(transport);
const say = (line) => console.log(JSON.stringify(line));

async function makeTransport() {
  if (settings.url) {
    const { StreamableHTTPClientTransport } = await load("streamableHttp.js");
    return new StreamableHTTPClientTransport(new URL(settings.url), { requestInit: { headers: settings.headers } });
  }
  const { StdioClientTransport } = await load("stdio.js");
  return new StdioClientTransport(settings);
}

const client = new Client({ name: "clawbridge-test", version: "1.0.0" });
try {
  await client.connect(await makeTransport());
} catch (error) {
  say({ failed: `${error.name}: ${error.message}` });
  process.exit(1);
}
// The client keeps the output schemas, and holds every result to them.
const { tools } = await client.listTools();
say({ server: client.getServerVersion(), capabilities: client.getServerCapabilities(), version: client.transport.protocolVersion, tools });

async function carryOut(call, progress) {
  const aborter = new AbortController();
  if (call.abortAfterMs !== undefined) setTimeout(() => aborter.abort("the test"), call.abortAfterMs);
  return await client.callTool({ name: call.tool, arguments: call.args }, undefined, {
    signal: aborter.signal, timeout: 120_000, ...(call.progress ? { onprogress: (told) => progress.push(told) } : {}),
  });
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const progress = [];
  carryOut(call, progress).then((result) => say({ id: call.id, result, progress }), (error) => say({ id: call.id, error: `${error.name}: ${error.message}`, progress }));
}
await client.close();
