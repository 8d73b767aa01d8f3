// What the page knows of the daemon, and how it stays true: events say that something happened, and the lists are read again, at
// most once in a while however much happens. All of it is bounded; what is left out is counted and said by who shows it.

import {forget_token, get, post, read_events, Refused, token} from "./api.js";
import {from, gateway_of, is_open, to} from "./words.js";

export const kExchangesMax = 1000;  // what the API gives at most
const kExchangesFirst = 200;
const kExchangesAgain = 50;
const kDeadMax = 1000;

export const state = {
  connection: "starting",  // starting, up, gone, refused
  problem: "",             // why not up
  since: Date.now(),       // of the connection's state
  live: false,             // events come
  caller: null,            // {caller, seesAll, mayOperate}
  status: null,
  peers: null,             // null: not read, or not for this token
  agents: null,            // for who may not see peers
  exchanges: new Map(),    // by id
  complete: false,         // the list holds all that the API would give
  dead: null,
  open: null,              // the exchange that is looked at: {id, exchange, problem, progress, version}
  traffic: new Map(),      // gateway -> when an exchange with it last moved
};

const watchers = new Set();
const passers = new Set();
let drawing = false;

/// `draw` is called soon after something changed, once for many changes.
export const on_change = (draw) => watchers.add(draw);
/// `see(from gateway, to gateway)` is called when a message of an exchange passes.
export const on_traffic = (see) => passers.add(see);

export function changed() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    for (const draw of watchers) draw();
  });
}

function connection(now, problem = "") {
  if (state.connection !== now) state.since = Date.now();
  state.connection = now;
  state.problem = problem;
  changed();
}

/// What a failed request says of the daemon. True: it was about the request alone.
function heed(problem) {
  if (problem instanceof Refused && problem.status !== 401) return true;
  state.live = false;
  if (problem instanceof Refused) {
    forget_token();
    connection("refused", "the daemon does not know this token");
  } else {
    connection("gone", "no answer");
  }
  return false;
}

// ---- reading ----

async function read(path, take, refused) {
  let answer;
  try {
    answer = await get(path);
  } catch (problem) {
    if (heed(problem)) refused?.(problem);
    return changed();
  }
  take(answer);
  connection("up");
}

const read_status = () => read("/v1/status", (answer) => { state.status = answer; });
const read_dead = () => read(`/v1/dead?limit=${kDeadMax}`, (answer) => { state.dead = answer.exchanges; }, () => { state.dead = null; });

async function read_peers() {
  if (state.caller.seesAll) return read("/v1/peers", (answer) => { state.peers = answer.peers; });
  return read("/v1/agents", (answer) => { state.agents = answer.agents; });
}

function take_exchanges(exchanges, limit) {
  const known = state.exchanges;
  const gap = known.size > 0 && exchanges.length === limit && !exchanges.some(({correlationId}) => known.has(correlationId));
  for (const exchange of exchanges) known.set(exchange.correlationId, exchange);
  if (exchanges.length < limit && limit > kExchangesAgain) state.complete = true;
  if (known.size > kExchangesMax) {
    const newest = sorted_exchanges().slice(0, kExchangesMax);
    state.exchanges = new Map(newest.map((exchange) => [exchange.correlationId, exchange]));
  }
  return gap;
}

/// Newest first.
export function sorted_exchanges() {
  return [...state.exchanges.values()].sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : a.correlationId < b.correlationId ? 1 : -1));
}

async function read_exchanges(limit) {
  let gap = false;
  await read(`/v1/exchanges?limit=${limit}`, (answer) => { gap = take_exchanges(answer.exchanges, limit); });
  if (gap) await read_exchanges(kExchangesMax);
}

export const read_all_exchanges = () => read_exchanges(kExchangesMax);

/// The exchange that is looked at, with its texts.
export async function open_exchange(id) {
  if (state.open?.id !== id) state.open = {id, exchange: null, problem: "", progress: "", version: 0};
  const looked_at = state.open;
  await read(`/v1/exchanges/${encodeURIComponent(id)}`, (answer) => {
    looked_at.exchange = answer;
    looked_at.version += 1;
    looked_at.problem = "";
  }, (problem) => { looked_at.problem = problem.message; });
}

export function close_exchange() {
  state.open = null;
}

// ---- changing ----

/// What the operator does. Resolves to {done: answer} or {problem: words}.
async function operate(path, body) {
  try {
    return {done: await post(path, body)};
  } catch (problem) {
    heed(problem);
    return {problem: problem instanceof Refused ? problem.message : "the daemon did not answer; nothing is known of what came of it"};
  } finally {
    again.dead();
    again.exchanges();
  }
}
export const replay = (id) => operate(`/v1/dead/${encodeURIComponent(id)}/replay`);
export const drop = (id) => operate(`/v1/dead/${encodeURIComponent(id)}/drop`);
export const cancel = (id) => operate(`/v1/exchanges/${encodeURIComponent(id)}/cancel`, {timeoutSeconds: 5});

// ---- staying true ----

/// A function that runs `work` soon, and again once if it was called meanwhile; never more often than every `pause` ms, nor for more
/// than a tenth of the time.
function coalesced(work, pause) {
  let wanted = false;
  let resting = false;
  const run = async () => {
    if (resting || !token()) return;
    wanted = false;
    resting = true;
    const began = performance.now();
    await work();
    setTimeout(() => {
      resting = false;
      if (wanted) run();
    }, Math.max(pause, 10 * (performance.now() - began)));
  };
  return () => {
    wanted = true;
    setTimeout(run, 30);  // what belongs together comes together
  };
}

const again = {
  status: coalesced(read_status, 1000),
  peers: coalesced(read_peers, 2000),
  dead: coalesced(() => (state.caller?.seesAll ? read_dead() : undefined), 1000),
  exchanges: coalesced(() => read_exchanges(kExchangesAgain), 1000),
  opened: coalesced(() => (state.open ? open_exchange(state.open.id) : undefined), 300),
};

const kStageOf = {"request.published": "published", "turn.handed_over": "handing_over"};

function see(name, data) {
  const id = data.correlationId;
  const known = state.exchanges.get(id);
  if (state.open?.id === id) {
    if (name === "exchange.progress") state.open.progress = data.text;
    else again.opened();
  }
  if (name === "exchange.progress") return changed();
  const asker = gateway_of(data.from ?? (known ? from(known) : "")) || undefined;
  const answerer = gateway_of(data.to ?? (known ? to(known) : "")) || undefined;
  for (const gateway of new Set([asker, answerer])) {
    if (gateway) state.traffic.set(gateway, Date.now());
  }
  if (asker && answerer && asker !== answerer) {
    const back = name === "exchange.ended" || name === "exchange.answered" || name === "receipt.received";
    for (const pass of passers) pass(back ? answerer : asker, back ? asker : answerer);
  }
  if (known && is_open(known)) {
    const stage = name === "receipt.received" ? data.stage : kStageOf[name];
    if (stage) known.stage = stage;
    if (data.status) known.status = data.status;
  }
  again.exchanges();
  if (name === "exchange.ended" || name === "turn.dead_letter") {
    again.dead();
    again.status();
  }
  changed();
}

let follower = 0;
let stream = null;

// A browser makes six connections to one server, all its tabs together: one that nobody looks at keeps none.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) stream?.abort();
});

function until_seen() {
  if (!document.hidden) return undefined;
  return new Promise((seen) => {
    document.addEventListener("visibilitychange", function look() {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      seen();
    });
  });
}

async function follow() {
  const mine = ++follower;  // a new token begins anew
  let pause = 1000;
  for (;;) {
    await until_seen();
    if (!token() || mine !== follower) return;
    try {
      stream = new AbortController();
      await read_events(see, () => {
        state.live = true;
        pause = 1000;
        read_exchanges(kExchangesFirst);  // what was missed
        again.peers();
        changed();
      }, stream);
    } catch (problem) {
      if (problem instanceof Refused && problem.status === 401) heed(problem);
    }
    state.live = false;
    if (document.hidden) continue;
    changed();
    await read_status();
    await new Promise((later) => setTimeout(later, pause));
    pause = Math.min(2 * pause, 10_000);
  }
}

let started = false;

/// Reads all, and stays with it until the token is refused. Resolves when the first reading is done.
export async function start() {
  connection("starting");
  // Of another token, perhaps, which might see more.
  Object.assign(state, {caller: null, status: null, peers: null, agents: null, exchanges: new Map(), complete: false, dead: null});
  try {
    state.caller = await get("/v1/caller");
  } catch (problem) {
    heed(problem);
    if (state.connection === "gone") setTimeout(start, 2000);
    return;
  }
  await Promise.all([read_status(), read_peers(), read_exchanges(kExchangesFirst), state.caller.seesAll ? read_dead() : undefined]);
  follow();
  if (started) return;
  started = true;
  let tick = 0;
  setInterval(() => {
    if (!token() || document.hidden || !state.caller) return;
    tick += 1;
    again.status();
    const many = (state.peers?.length ?? 0) > 200;  // a long list is read less often
    if (tick % (many ? 10 : 2) === 0) again.peers();
    if (tick % 5 === 0) again.dead();
    changed();  // "2 min ago" grows older
  }, 3000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !token()) return;
    again.status();
    again.peers();
    again.exchanges();
  });
}
