// The daemon's API with the person's token. The token stays in this tab: it came by the address's fragment, which is never sent, or
// was typed, and lies in sessionStorage.

const kName = "clawbridge-token";

export class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `the daemon answered with status ${status}`);
    this.status = status;
    this.code = error?.code ?? "";
  }
}

/// Takes the token of `#token=…`, and the fragment out of the address and the history.
export function take_token_from_address() {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (!match) return;
  keep_token(match[1]);
  history.replaceState(null, "", "/#/map");
}

export const token = () => sessionStorage.getItem(kName);
export const keep_token = (text) => sessionStorage.setItem(kName, text);
export const forget_token = () => sessionStorage.removeItem(kName);

function ask(method, path, body, signal) {
  return fetch(path, {
    method, signal, cache: "no-store", credentials: "omit", redirect: "error",
    headers: {Authorization: `Bearer ${token()}`, ...(body === undefined ? {} : {"Content-Type": "application/json"})},
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

async function refusal(answer) {
  try {
    return new Refused(answer.status, (await answer.json()).error);
  } catch {
    return new Refused(answer.status);
  }
}

/// The answer's JSON. Throws Refused when the daemon says no, TypeError when nobody answers or it takes longer than 20 s.
export async function request(method, path, body) {
  const answer = await ask(method, path, body, AbortSignal.timeout(20_000));
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);

/// Reads /v1/events until they end: `see(name, data)` for each. An EventSource cannot send the token, so the stream is read by hand.
/// Throws as request() does; returns when the daemon ended it. Silence for 45 s, three heartbeats, is an end; `stop` makes one.
export async function read_events(see, opened, stop) {
  const answer = await ask("GET", "/v1/events", undefined, stop.signal);
  if (!answer.ok) throw await refusal(answer);
  opened();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let silence;
  try {
    for (;;) {
      silence = setTimeout(() => stop.abort(), 45_000);
      const {done, value} = await reader.read();
      clearTimeout(silence);
      if (done) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) take(event, see);
    }
  } finally {
    clearTimeout(silence);
    stop.abort();
  }
}

function take(event, see) {
  let name = "";
  let data = "";
  for (const line of event.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (!name) return;
  try {
    see(name, JSON.parse(data));
  } catch (problem) {
    if (!(problem instanceof SyntaxError)) throw problem;
  }
}
