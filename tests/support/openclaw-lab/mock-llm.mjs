// A model that answers by rule: OpenAI chat completions, streaming (SSE) and plain.
//   mock-llm.mjs [port]               prints "mock-llm <port>" when ready (port 0: any)
// The last user text decides the answer. Lines are looked at from the end, so a transport
// may put envelopes ("[Thu ...]", "[Inter-session message] ...") in front of the magic words:
//   TOOL <name> <json args>   one tool call; the tool's result comes back as "tool: <result>"
//   SLEEP <ms> [text]         waits, then answers "slept <ms> <text>"
//   STREAM <n> <ms>           n words, ms apart
//   SAY <text>                answers <text> verbatim (e.g. "SAY NO_REPLY")
//   FAIL <status>             HTTP error from the provider
//   TOOLS                     lists the tool names the model was offered
//   SCHEMA <tool>             description and JSON schema of a tool as the model sees it
//   CONTEXT                   dumps the last messages the model saw (JSON), for provenance tests
//   HASSYS <text>             "true" when the system prompt contains <text>
//   anything else             "echo: <text>"
import http from "node:http";

const text = (c) => (typeof c === "string" ? c
  : (c ?? []).filter((p) => p.type === "text").map((p) => p.text).join("\n"));
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const INTERNAL = /<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>[\s\S]*?<<<END_OPENCLAW_INTERNAL_CONTEXT>>>/g;
const MAGIC = /(?:^|[\s\]])(TOOLS|CONTEXT|(?:TOOL|SLEEP|STREAM|SAY|FAIL|HASSYS|SCHEMA)\s[^\n]*)$/;

async function answer(req) {
  const msgs = req.messages ?? [];
  const toolAt = msgs.findLastIndex((m) => m.role === "tool");
  const userAt = msgs.findLastIndex((m) => m.role === "user" && text(m.content).replace(INTERNAL, "").trim());
  if (toolAt > userAt) return { text: "tool: " + text(msgs[toolAt].content) };
  // OpenClaw appends runtime context ("active sub-agents", ...) as further user text: skip it.
  const user = (msgs.filter((m) => m.role === "user").map((m) => text(m.content).replace(INTERNAL, "").trim()).filter(Boolean).pop() ?? "")
    // ... and a time envelope in front and sometimes a "Runtime: agent=..." line behind
    .replace(/^\[\w{3} \d{4}-\d\d-\d\d[^\]]*\] /, "").replace(/\s*\nRuntime: agent=[^\n]*$/, "");
  const line = user.split("\n").reverse().map((l) => MAGIC.exec(l.trimEnd())?.[1]).find(Boolean);
  if (!line) return { text: "echo: " + user };
  const [cmd, a, ...rest] = line.split(" ");
  const tail = rest.join(" ");
  switch (cmd) {
    case "TOOL": return { tool: a, args: tail.trim() || "{}" };
    case "TOOLS": return { text: (req.tools ?? []).map((t) => t.function.name).join(" ") };
    case "SCHEMA": return { text: JSON.stringify(req.tools?.find((t) => t.function.name === a)?.function ?? null) };
    case "CONTEXT": return { text: JSON.stringify(msgs.filter((m) => m.role !== "system").slice(-3)) };
    case "HASSYS": return { text: String(msgs.some((m) => m.role === "system" && text(m.content).includes([a, ...rest].join(" ")))) };
    case "SAY": return { text: [a, ...rest].join(" ") };
    case "SLEEP": await sleep(+a); return { text: `slept ${a} ${tail}`.trim() };
    case "STREAM": return { words: Array.from({ length: +a }, (_, i) => `w${i} `), gap: +rest[0] || 0 };
    case "FAIL": return { status: +a };
  }
}

let calls = 0;
const server = http.createServer(async (rq, rs) => {
  let body = ""; for await (const c of rq) body += c;
  if (rq.method === "GET") {
    rs.setHeader("content-type", "application/json");
    return rs.end(JSON.stringify(rq.url.endsWith("/models")
      ? { object: "list", data: ["echo", "eyes"].map((id) => ({ id, object: "model" })) } : { ok: true, calls }));
  }
  calls++;
  const req = JSON.parse(body);
  if (process.env.MOCK_LLM_LOG) console.error(JSON.stringify({ n: calls, msgs: req.messages?.length, last: req.messages?.at(-1) }));
  let gone = false; rs.on("close", () => (gone = true));
  const r = await answer(req);
  if (gone) return;
  if (r.status) { rs.statusCode = r.status; return rs.end(JSON.stringify({ error: { message: "mock failure", type: "mock" } })); }
  const base = { id: "c" + calls, created: Math.floor(Date.now() / 1000), model: req.model };
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const toolCalls = r.tool && [{ index: 0, id: "call_" + calls, type: "function", function: { name: r.tool, arguments: r.args } }];
  const finish = r.tool ? "tool_calls" : "stop";
  if (!req.stream) {
    rs.setHeader("content-type", "application/json");
    return rs.end(JSON.stringify({ ...base, object: "chat.completion", usage, choices: [{ index: 0, finish_reason: finish,
      message: { role: "assistant", content: r.text ?? r.words?.join("") ?? null, ...(toolCalls ? { tool_calls: toolCalls } : {}) } }] }));
  }
  rs.writeHead(200, { "content-type": "text/event-stream" });
  const send = (delta, finish_reason = null, extra = {}) => rs.write("data: " + JSON.stringify({
    ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }], ...extra }) + "\n\n");
  send({ role: "assistant", content: "" });
  if (r.tool) send({ tool_calls: toolCalls });
  else for (const w of r.words ?? [r.text]) { if (r.gap) await sleep(r.gap); send({ content: w }); }
  send({}, finish, { usage });
  rs.end("data: [DONE]\n\n");
});
server.listen(+(process.argv[2] ?? 0), "127.0.0.1", () => console.log("mock-llm " + server.address().port));
for (const s of ["SIGTERM", "SIGINT"]) process.on(s, () => process.exit(0));
