// What the page calls things: pure functions of what the API says. Nothing here touches the document.

const two = (number) => String(number).padStart(2, "0");

export function clock(iso) {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? "" : `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

export function clock_ms(iso) {
  const time = new Date(iso);
  return `${clock(iso)}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

const day = (iso) => {
  const time = new Date(iso);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
};

/// With the day, unless it is today.
export function moment(iso, now = Date.now()) {
  return day(iso) === day(now) ? clock(iso) : `${day(iso)} ${clock(iso)}`;
}

export function full_moment(iso) {
  return `${day(iso)} ${clock_ms(iso)}`;
}

/// A length of time as a person reads it: `< 1 ms`, `42 ms`, `1.24 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`.
export function duration(ms) {
  if (!Number.isFinite(ms) || ms < 0) return "";
  if (ms < 1) return "< 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/// How long ago, coarsely, so that it does not change with every second.
export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, Math.floor((now - new Date(iso).getTime()) / 1000));
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds / 10) * 10} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export function bytes(size) {
  return size < 1024 ? `${size} B` : size < 1024 * 1024 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / 1024 / 1024).toFixed(1)} MiB`;
}

/// A fingerprint as `clawbridge key show` prints it to be read aloud; its first 32 digits suffice.
export const grouped = (fingerprint) => (fingerprint.slice(0, 32).match(/.{1,4}/g) ?? []).join(" ");

const kPresence = {
  online: {word: "online", shape: "full", tone: "good"},
  degraded: {word: "bridge up, gateway down", shape: "half", tone: "attention"},
  offline: {word: "offline", shape: "ring", tone: "quiet"},
  unseen: {word: "never seen", shape: "dots", tone: "quiet"},
};
export const presence = (name) => kPresence[name] ?? {word: name || "unknown", shape: "dots", tone: "quiet"};

const kTrust = {
  joined: {word: "keys pinned by the join secret", shape: "key", tone: "good"},
  trusted: {word: "keys trusted by hand", shape: "key", tone: "good"},
  configured: {word: "keys pinned in the settings", shape: "key", tone: "good"},
  pending: {word: "keys wait for your trust", shape: "question", tone: "attention"},
  revoked: {word: "keys revoked", shape: "slash", tone: "quiet"},
};
export function keys(peer) {
  if (peer.offeredFingerprint) return {word: "other keys claim this name", shape: "warning", tone: "wrong"};
  return kTrust[peer.trust] ?? {word: peer.trust || "keys unknown", shape: "question", tone: "quiet"};
}

const kOutcomes = {
  accepted: {word: "under way", shape: "running", tone: "live", meaning: "It has been accepted and journaled; the end is still to come."},
  ok: {word: "ok", shape: "check", tone: "good", meaning: "It was carried out, and answered."},
  no_reply: {word: "no reply text", shape: "dash", tone: "good", meaning: "It was carried out; the agent said nothing."},
  error: {word: "failed", shape: "cross", tone: "wrong", meaning: "The agent or its gateway failed. It may have run in part."},
  rejected: {word: "refused", shape: "cross", tone: "wrong", meaning: "The other side did not take it. It did not run."},
  expired: {word: "expired", shape: "clock", tone: "wrong", meaning: "Its time was over before it began. It did not run."},
  cancelled: {word: "cancelled", shape: "slash", tone: "quiet", meaning: "Somebody stopped it."},
  interrupted: {word: "interrupted", shape: "question", tone: "attention", meaning: "Something went down while it ran, and nobody can tell how far it came."},
  unknown: {word: "outcome unknown", shape: "question", tone: "attention", meaning: "No answer came. It may have run, or not."},
};
export const outcome = (exchange) =>
  kOutcomes[exchange.status] ?? {word: exchange.status || "unknown", shape: "question", tone: "attention", meaning: ""};
export const is_open = (exchange) => exchange.status === "accepted";
export const is_bad = (exchange) => ["wrong", "attention"].includes(outcome(exchange).tone);
/// Whether asking again could make it happen twice.
export const may_have_run = (exchange) => ["interrupted", "unknown", "error"].includes(exchange.status);

/// The two ends of an exchange: who asked, and who is asked.
export const from = (exchange) => exchange.source || "unknown";
export const to = (exchange) => `${exchange.gateway || "?"}/${exchange.agent || "?"}`;
export const gateway_of = (address) => address.split("/")[0];

const ends = (exchange) => exchange.stages?.at(-1)?.stage === "ended";

/// How long it took, or has been taking until `now`, in ms.
export function took(exchange, now = Date.now()) {
  const begin = new Date(exchange.stages?.[0]?.time ?? exchange.created).getTime();
  const end = ends(exchange) ? new Date(exchange.stages.at(-1).time).getTime() : is_open(exchange) ? now : NaN;
  return end - begin;
}

// `at`: at whose side it happens; `crossing`: in which direction something crossed the broker to bring it about.
const kStages = {
  accepted: {word: "accepted", at: "asker", text: "in this bridge's journal: it cannot be lost any more"},
  published: {word: "published", at: "asker", crossing: "out", text: "handed to the broker"},
  deferred: {word: "put off", at: "answerer", crossing: "back", text: "the other side does not take it yet; it is sent again"},
  stored: {word: "stored", at: "answerer", crossing: "back", text: "in the journal of the other side"},
  queued: {word: "queued", at: "answerer", crossing: "back", text: "waits for its session or for the gateway"},
  handing_over: {word: "handed over", at: "answerer", text: "given to the agent gateway"},
  started: {word: "started", at: "answerer", crossing: "back", text: "the agent works on it"},
  ended: {word: "ended", at: "asker", crossing: "back", text: "the outcome is in the journal"},
};

/// The stages of an exchange as a person reads them, each with the time since the one before, in ms.
export function timeline(exchange) {
  const stages = exchange.stages ?? [];
  const crosses = exchange.remote !== false;
  return stages.map(({stage, time}, index) => {
    const known = kStages[stage] ?? {word: stage, at: "asker", text: ""};
    const step = {stage, time, ...known, gap: index === 0 ? null : new Date(time) - new Date(stages[index - 1].time)};
    if (!exchange.remote || exchange.direction === "incoming") step.crossing = undefined;
    if (exchange.direction === "incoming") {
      step.at = "answerer";
      if (stage === "stored") Object.assign(step, {crossing: crosses ? "out" : undefined, text: "in this bridge's journal: it cannot be lost any more"});
      if (stage === "ended") Object.assign(step, {crossing: crosses ? "back" : undefined, text: "the outcome is in the journal, and on its way back"});
    }
    return step;
  });
}

/// What an exchange spent its time on, as parts of it: `wire` on the way, `wait` until the agent began, `work` until it ended.
export function parts(exchange, now = Date.now()) {
  const stages = exchange.stages ?? [];
  const points = stages.map(({stage, time}) => ({stage, time: new Date(time).getTime()}));
  if (is_open(exchange) && points.length > 0) points.push({stage: "now", time: Math.max(now, points.at(-1).time)});
  const kind = {started: "work", handing_over: "work", stored: "wait", queued: "wait", deferred: "wait"};
  return points.slice(1).map((point, index) => ({kind: kind[points[index].stage] ?? "wire", ms: point.time - points[index].time}));
}
