// Asks the clawbridge daemon on this machine: HTTP over its Unix socket.
//
// One connection per call and none kept: on a Unix socket a new one costs less than 0.1 ms, and a kept one that a
// restarting daemon has closed would leave open whether a message was taken.
import http from "node:http";
import os from "node:os";
import path from "node:path";

const CALLS_MAX = 512;  // at once; most of them wait for a reply
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;
const WAIT_SECONDS_DEFAULT = 30;  // the daemon's own
const MARGIN_SECONDS = 30;  // what the daemon may take beyond the wait
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A refusal with the daemon's code, or a failure to reach it. The message says what to do. */
export class DaemonError extends Error {
  constructor(code, message, retryable = false) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** Where the daemon listens unless its settings say otherwise (api.socket). */
export function defaultSocket(env = process.env) {
  const folder = (name) => (path.isAbsolute(env[name] ?? "") ? env[name] : undefined);
  const state = folder("XDG_STATE_HOME") ?? path.join(env.HOME || os.homedir(), ".local", "state");
  return path.join(folder("XDG_RUNTIME_DIR") ?? path.join(state, "clawbridge"), "clawbridge.sock");
}

export class Daemon {
  #socket;
  #open = 0;

  constructor(socket) {
    const home = process.env.HOME || os.homedir();
    this.#socket = socket ? socket.replace(/^~(?=\/)/, home) : defaultSocket();
  }

  /**
   * The result of one operation. `caller`: headers. `onProgress(text)` is called while a reply is being written.
   * Throws DaemonError, or what `signal` was aborted with.
   */
  async call(operation, args, caller, { signal, onProgress } = {}) {
    if (this.#open >= CALLS_MAX) {
      throw new DaemonError("busy", `${CALLS_MAX} calls to other gateways are waiting already; nothing was sent. Try again later.`, true);
    }
    const waits = args.timeoutSeconds === undefined || args.timeoutSeconds > 0;
    const streams = onProgress !== undefined && operation === "sessions_send" && waits;
    const order = {
      path: `/v1/tools/${operation}`,
      body: Buffer.from(JSON.stringify(args)),
      headers: { ...caller, "Content-Type": "application/json", ...(streams ? { Accept: "text/event-stream" } : {}) },
      milliseconds: limitOf(args.timeoutSeconds),
    };
    this.#open += 1;
    try {
      return await this.#exchange(order, signal, onProgress);
    } finally {
      this.#open -= 1;
    }
  }

  #exchange(order, signal, onProgress) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const request = http.request({
        socketPath: this.#socket, method: "POST", path: order.path, agent: false,
        headers: { Host: "localhost", ...order.headers, "Content-Length": order.body.length },
      });
      const timer = setTimeout(() => request.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })), order.milliseconds);
      const abort = () => request.destroy(signal.reason);
      signal?.addEventListener("abort", abort, { once: true });
      const settle = (act, value) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        act(value);
      };
      const fail = (error) => settle(reject, signal?.aborted ? signal.reason : this.#explained(error));
      request.on("error", fail);
      request.on("response", (response) => {
        const read = /^text\/event-stream/i.test(response.headers["content-type"] ?? "") ? readStream : readWhole;
        read(response, onProgress).then((result) => settle(resolve, result), fail);
      });
      request.end(order.body);
    });
  }

  #explained(error) {
    if (error instanceof DaemonError) return error;
    const at = `the clawbridge daemon at ${this.#socket}`;
    if (["ENOENT", "ECONNREFUSED"].includes(error.code)) {
      return new DaemonError("daemon_down", `${at} is not running, so nothing was sent. Ask the operator to start it with \`clawbridge run\`, ` +
        "or, if it listens elsewhere, to run `clawbridge openclaw install` again.", true);
    }
    if (["EACCES", "EPERM"].includes(error.code)) {
      return new DaemonError("daemon_down", `${at} does not let us in (${error.code}), so nothing was sent. ` +
        "Ask the operator to run it and the OpenClaw gateway as the same user.");
    }
    const what = error.code === "ETIMEDOUT" ? "did not answer in time" : `ended the connection without an answer (${error.code ?? error.message})`;
    return new DaemonError("daemon_lost", `${at} ${what}. Whether the request was taken is not known: look for it with ` +
      "`clawbridge exchange list` before it is sent again.");
  }
}

function limitOf(timeoutSeconds) {
  const wait = Number(timeoutSeconds ?? WAIT_SECONDS_DEFAULT);
  return Math.min((Math.max(Number.isFinite(wait) ? wait : 0, 0) + MARGIN_SECONDS) * 1000, TIMER_MS_MAX);
}

/** The texts of a response, piece by piece, up to the limit. */
async function* textsOf(response) {
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new DaemonError("too_large", `the daemon's answer is larger than ${ANSWER_BYTES_MAX} bytes; ask for less (limit)`);
    yield decoder.decode(chunk, { stream: true });
  }
}

async function readWhole(response) {
  let text = "";
  for await (const part of textsOf(response)) text += part;
  const answer = parsed(text);
  if (response.statusCode >= 400) throw refusal(answer);
  return answer;
}

/** Server-sent events: any number of `progress`, then `result` or `error`. */
async function readStream(response, onProgress) {
  let pending = "";
  for await (const part of textsOf(response)) {
    pending += part;
    if (!part.includes("\n")) continue;  // the middle of a long text: looking at all of it for each part would take for ever
    const events = pending.split("\n\n");
    pending = events.pop();
    for (const event of events) {
      const { name, data } = fieldsOf(event);
      if (name === "progress") tell(onProgress, String(parsed(data).text ?? ""));
      if (name === "error") throw refusal(parsed(data));
      if (name === "result") return parsed(data);
    }
  }
  throw Object.assign(new Error("the stream ended early"), { code: "ECONNRESET" });
}

/** Progress is for the eye: a listener that fails must not cost the reply. */
function tell(onProgress, text) {
  try {
    onProgress?.(text);
  } catch { /* whoever looked on has gone */ }
}

function fieldsOf(event) {
  const fields = { name: "message", data: [] };
  for (const line of event.split("\n")) {
    if (line.startsWith("event:")) fields.name = line.slice(6).trim();
    if (line.startsWith("data:")) fields.data.push(line.slice(5));
  }
  return { name: fields.name, data: fields.data.join("\n") };
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object") return value;
  } catch { /* said below */ }
  throw new DaemonError("internal", `what answered is no clawbridge daemon, or another version of it: ${JSON.stringify(text.slice(0, 200))}`);
}

function refusal(answer) {
  const { code = "internal", message = "the daemon refused without a reason", retryable = false } = answer.error ?? {};
  return new DaemonError(code, message, retryable);
}
