// Real OpenClaw gateways on loopback, each with its own home, token and agents, and one mock model for all of them.
//
//   lab.mjs start <dir> [spec.json]   starts everything at once, waits until it is ready, writes and prints <dir>/lab.json
//   lab.mjs restart <dir> <gateway>   stops one gateway, if it still runs, and starts it again on the same port
//   lab.mjs status <dir>              process, memory and health of each gateway
//   lab.mjs stop <dir>                stops what lab.json names: each process by its id, and only if it is still that one
//
// <spec.json>: {"gateways":[{"name":"imac","agents":["jarvis","pepper"],"config":{…merged into openclaw.json}}]}
// Needs LAB_OPENCLAW, the path of openclaw.mjs. lab.sh sets it, and runs this with the lab's own Node.
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import http from "node:http";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";

const DEFAULT_SPEC = { gateways: [
  { name: "macbook", agents: ["main"] },
  { name: "imac", agents: ["jarvis", "pepper"] },
] };
const here = path.dirname(new URL(import.meta.url).pathname);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const [, , cmd, dirArg, arg] = process.argv;
if (!cmd || !dirArg) { console.error("usage: lab.mjs start|restart|status|stop <dir> [spec.json|gateway]"); process.exit(2); }
const dir = path.resolve(dirArg);
const stateFile = path.join(dir, "lab.json");
const load = () => JSON.parse(fs.readFileSync(stateFile, "utf8"));
const save = (s) => fs.writeFileSync(stateFile, JSON.stringify(s, null, 1) + "\n");
const isRunning = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };
// When a process started, in ticks since boot: with the pid it names one process for good. "ended" for one that nobody
// has waited for yet; empty where there is no /proc.
const startTicks = (pid) => {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ");
    return fields[0] === "Z" ? "ended" : fields[19];
  } catch { return ""; }
};
const alive = (it) => Boolean(it.pid) && isRunning(it.pid) && startTicks(it.pid) === it.ticks;

const freePort = () => new Promise((ok) => {
  const s = net.createServer().listen(0, "127.0.0.1", () => { const p = s.address().port; s.close(() => ok(p)); });
});
const get = (port, p) => new Promise((ok) => {
  const r = http.get({ host: "127.0.0.1", port, path: p, timeout: 2000 }, (m) => {
    let b = ""; m.on("data", (c) => (b += c)); m.on("end", () => ok({ code: m.statusCode, body: b }));
  });
  r.on("error", () => ok({ code: 0 })); r.on("timeout", () => r.destroy());
});
const merge = (a, b) => {                      // deep merge, arrays replaced
  for (const [k, v] of Object.entries(b ?? {}))
    a[k] = v && typeof v === "object" && !Array.isArray(v) && a[k] && typeof a[k] === "object" ? merge(a[k], v) : v;
  return a;
};

// Everything that a headless test gateway does not need is off.
const config = (g, mockPort, version) => {
  const old = /^2026\.[1-4]\./.test(version);   // key names that changed after about 2026.4
  const ws = (id) => path.join(g.home, "ws-" + id);
  return merge({
    gateway: {
      mode: "local", port: g.port, bind: "loopback", auth: { mode: "token", token: g.token },
      controlUi: { enabled: false },
    },
    models: { mode: "replace", providers: { mock: {
      baseUrl: `http://127.0.0.1:${mockPort}/v1`, apiKey: "mock", api: "openai-completions",
      models: [{ id: "echo", name: "Echo", input: ["text"] }, { id: "eyes", name: "Eyes", input: ["text", "image"] }].map((model) => ({ ...model,
        reasoning: false, cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 200000, maxTokens: 8192 })),
    } } },
    agents: {
      defaults: { model: { primary: "mock/echo" }, skipBootstrap: true, heartbeat: { every: "0m" } },
      ...(old ? { list: g.agents.map((id, i) => ({ id, ...(i === 0 ? { default: true } : {}), workspace: ws(id) })) }
        : { entries: Object.fromEntries(g.agents.map((id) => [id, { workspace: ws(id) }])) }),
    },
    tools: { profile: "full", 
      ...(old ? { agentToAgent: { enabled: true, allow: ["*"] }, sessions: { visibility: "all" } }   // defaults of newer versions
        : { toolSearch: false }) },                // offer every tool directly to the (mock) model
    plugins: { allow: ["memory-core"], slots: { memory: "none" } },   // loads no bundled plugin
    logging: { file: path.join(dir, g.name + ".jsonl") },   // the default is a shared file under /tmp
    cron: { enabled: false },
    browser: { enabled: false },
    discovery: { mdns: { mode: "off" } },
    update: { checkOnStart: false },
    ...(old ? {} : { telemetry: { enabled: false } }),
  }, g.config);
};

function startGateway(g, s) {
  fs.mkdirSync(path.join(g.home, ".openclaw"), { recursive: true });
  const cfg = path.join(g.home, ".openclaw", "openclaw.json");
  if (!fs.existsSync(cfg)) fs.writeFileSync(cfg, JSON.stringify(config(g, s.mock.port, s.version), null, 1));
  const log = fs.openSync(path.join(dir, g.name + ".log"), "a");
  const child = spawn(process.execPath, [s.openclaw, "gateway", "run", "--port", String(g.port)], {
    cwd: g.home, stdio: ["ignore", log, log], detached: true,
    // A clean environment: own HOME, no proxies or keys of the caller.
    env: {
      PATH: path.dirname(process.execPath) + ":" + process.env.PATH, HOME: g.home, LANG: "C.UTF-8",
      // OpenClaw keeps V8's compile cache in TMPDIR; sharing it between runs makes starts faster.
      TMPDIR: s.tmp,
      OPENCLAW_DISABLE_BONJOUR: "1", OPENCLAW_NO_RESPAWN: "1", OPENCLAW_SKIP_CHANNELS: "1", OPENCLAW_SKIP_CRON: "1",
      OPENCLAW_SKIP_GMAIL_WATCHER: "1", OPENCLAW_SKIP_CANVAS_HOST: "1", OPENCLAW_SKIP_BROWSER_CONTROL_SERVER: "1",
      OPENCLAW_EXEC_SHELL_SNAPSHOT: "0", OPENCLAW_NO_AUTO_UPDATE: "1", OPENCLAW_HIDE_BANNER: "1", DO_NOT_TRACK: "1",
      ...(process.env.LAB_GATEWAY_ENV ? JSON.parse(process.env.LAB_GATEWAY_ENV) : {}),
    },
  });
  child.unref();
  g.pid = child.pid; g.ticks = startTicks(child.pid); g.startedAt = Date.now();
  child.on("exit", (c, sig) => { g.exited = `ended with ${c ?? sig}`; });
}

async function waitHealthy(g, ms = 180000) {
  // /healthz = process is up, /readyz = ready to serve (older versions may only have /healthz)
  for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) {
    if (g.exited) break;
    const r = await get(g.port, "/readyz");
    if (r.code === 200) { g.readyMs = Date.now() - g.startedAt; return; }
    if (r.code === 404 && (await get(g.port, "/health")).code) { g.readyMs = Date.now() - g.startedAt; return; }
  }
  const tail = fs.readFileSync(path.join(dir, g.name + ".log"), "utf8").slice(-3000);
  throw new Error(`gateway ${g.name} ${g.exited ?? "not healthy in time"}:\n${tail}`);
}

// SIGTERM, and after a while SIGKILL: a busy 2026.9 gateway would finish its turns first.
async function stopProcess(it, ms = 15000) {
  if (!alive(it)) return;
  process.kill(it.pid, "SIGTERM");
  for (const end = Date.now() + ms; alive(it) && Date.now() < end;) await sleep(50);
  if (alive(it)) process.kill(it.pid, "SIGKILL");
  while (alive(it)) await sleep(20);
}

const rssMb = (pid) => {
  try { return Math.round(+/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1] / 1024); } catch { return 0; }
};

if (cmd === "start") {
  const spec = arg ? JSON.parse(fs.readFileSync(arg, "utf8")) : DEFAULT_SPEC;
  const openclaw = process.env.LAB_OPENCLAW;
  if (!openclaw) { console.error("LAB_OPENCLAW is not set (see install.sh)"); process.exit(2); }
  fs.mkdirSync(dir, { recursive: true });
  const version = JSON.parse(fs.readFileSync(path.join(path.dirname(openclaw), "package.json"))).version;
  const s = { openclaw, version, tmp: path.resolve(path.dirname(openclaw), "../../tmp"), mock: { port: await freePort() }, gateways: {} };
  fs.mkdirSync(s.tmp, { recursive: true });
  const mlog = fs.openSync(path.join(dir, "mock-llm.log"), "a");
  const m = spawn(process.execPath, [path.join(here, "mock-llm.mjs"), String(s.mock.port)], { stdio: ["ignore", mlog, mlog], detached: true });
  m.unref(); s.mock.pid = m.pid; s.mock.ticks = startTicks(m.pid);
  for (const g0 of spec.gateways) {
    const g = { ...g0, port: await freePort(), token: randomBytes(16).toString("hex"),
      home: path.join(dir, g0.name) };
    s.gateways[g.name] = g;
    startGateway(g, s);
  }
  save(s);
  try { await Promise.all(Object.values(s.gateways).map((g) => waitHealthy(g))); }
  catch (e) {
    console.error(e.message);
    await Promise.all([...Object.values(s.gateways), s.mock].map((it) => stopProcess(it)));
    process.exit(1);
  }
  save(s); console.log(JSON.stringify(s, null, 1)); process.exit(0);
} else if (cmd === "restart") {
  const s = load(), g = s.gateways[arg];
  await stopProcess(g); delete g.exited;
  startGateway(g, s); save(s); await waitHealthy(g); save(s);
  console.log(`${g.name} ready after ${g.readyMs} ms, pid ${g.pid}`); process.exit(0);
} else if (cmd === "status") {
  for (const g of Object.values(load().gateways))
    console.log(`${g.name} port=${g.port} pid=${g.pid} alive=${alive(g)} rss=${rssMb(g.pid)}MB ready_in=${g.readyMs}ms readyz=${(await get(g.port, "/readyz")).code}`);
} else if (cmd === "stop") {
  const s = load();
  await Promise.all([...Object.values(s.gateways), s.mock].map((it) => stopProcess(it)));
  console.log("stopped");
}
