// The federation as a map: the broker's line on the left, and every gateway hanging from it with its agents, presence and keys. A
// wire says by its form whether messages can pass: whole, dashed (nobody is there), or an open switch (keys are not trusted).

import {element, icon, list, region, svg} from "./dom.js";
import {exchange_list} from "./exchanges.js";
import {on_traffic, sorted_exchanges, state} from "./state.js";
import {ago, count, keys, moment, presence} from "./words.js";

const kCards = 24;       // at first, and more each time
const kAgents = 12;      // of one gateway
const kFilterFrom = 12;  // gateways, before a filter is worth its place
const kRecent = 8;
const kPulses = 8;

let parts = null;
let shown = kCards;
let filter = "";

export function show(root) {
  shown = kCards;
  filter = "";
  const search = element("input", {type: "search", id: "map-filter", placeholder: "gateway or agent", "aria-label": "Show gateways and agents with this in their name",
                                   oninput: () => { filter = search.value.trim().toLowerCase(); draw(root); }});
  parts = {
    wires: svg("svg", {class: "wires", "aria-hidden": "true"}),
    broker: element("div", {class: "broker"}),
    cards: element("ol", {class: "cards"}),
    more: element("p", {class: "more"}),
    tools: element("div", {class: "tools", hidden: true}, search),
    recent: element("ol", {class: "exchanges compact"}),
    rest: element("p", {class: "more"}),
  };
  parts.map = element("section", {class: "map", "aria-labelledby": "map-title"},
                      element("h2", {class: "unseen", id: "map-title"}, "Map of the federation"),
                      parts.tools, parts.wires, parts.broker, parts.cards, parts.more);
  root.append(element("div", {class: "board"}, parts.map,
                      element("section", {class: "recent", "aria-labelledby": "recent-title"},
                              element("h2", {id: "recent-title"}, "Exchanges"), parts.recent, parts.rest)));
  new ResizeObserver(draw_wires).observe(parts.map);
}

// ---- who is there ----

function own(status) {
  return {
    gateway: status.gateway, mine: true, presence: status.agentGateway.connected ? "online" : "degraded", version: status.version,
    gatewayKind: status.agentGateway.kind, gatewayVersion: status.agentGateway.version, agents: status.agents.map((id) => ({id})),
    openIncoming: status.incomingOpen, openOutgoing: status.outgoingOpen,
  };
}

/// Of who may see agents only: the same, without keys.
function from_agents(agents) {
  const found = new Map();
  for (const agent of agents) {
    if (!agent.remote) continue;
    const peer = found.get(agent.gateway) ?? {gateway: agent.gateway, presence: agent.presence, agents: []};
    peer.agents.push(agent);
    found.set(agent.gateway, peer);
  }
  return [...found.values()];
}

const is_blocked = (peer) => Boolean(peer.offeredFingerprint) || peer.trust === "pending" || peer.trust === "revoked";
const rank = (peer) => (peer.mine ? 0 : peer.offeredFingerprint ? 1 : peer.trust === "pending" ? 2 : peer.trust === "revoked" ? 6 :
  {online: 3, degraded: 4}[peer.presence] ?? 5);

function gateways() {
  if (!state.status) return [];
  const peers = state.peers ?? from_agents(state.agents ?? []);
  return [own(state.status), ...peers].sort((a, b) => rank(a) - rank(b) || (a.gateway < b.gateway ? -1 : 1));
}

const fits = (peer) => !filter || peer.gateway.includes(filter) ||
  peer.agents.some(({id, name}) => id.includes(filter) || (name ?? "").toLowerCase().includes(filter));

// ---- drawing ----

export function draw() {
  const all = gateways();
  if (all.length === 0) return;
  const fitting = all.filter(fits);
  const visible = fitting.slice(0, shown);
  parts.tools.hidden = all.length < kFilterFrom;
  draw_broker();
  list(parts.cards, visible, {
    key: (peer) => peer.gateway,
    print: (peer) => [peer, seen(peer)],
    make: (peer) => element("li", {class: "card", "data-gateway": peer.gateway}),
    content: draw_card,
  });
  draw_more(all, fitting, visible);
  exchange_list(parts.recent, sorted_exchanges().slice(0, kRecent));
  draw_rest();
  draw_wires();
}

function draw_broker() {
  const {broker, state: me} = state.status;
  const connected = broker.state === "connected";
  const protocol = {4: "MQTT 3.1.1", 5: "MQTT 5"}[broker.protocol];
  const words = me === "name_conflict" ? "kept away from it" : connected ? "connected" : broker.state === "waiting" ? "not reached; tried again soon" : "connecting";
  parts.broker.className = `broker ${connected ? "good" : "wrong"}`;
  region(parts.broker, [broker, words], () => [
    icon(connected ? "full" : "cross", connected ? "good" : "wrong"),
    element("h3", {}, "Broker"),
    element("p", {}, [words, connected ? "" : "the others as last known", connected ? protocol : "", broker.since ? `since ${moment(broker.since)}` : ""].filter(Boolean).join(" · ")),
  ]);
}

const seen = (peer) => {
  const moved = state.traffic.get(peer.gateway);
  return moved ? ago(moved) : "";
};

function draw_card(node, peer) {
  const here = presence(peer.presence);
  const pinned = peer.mine ? null : peer.trust ? keys(peer) : null;
  const tone = peer.offeredFingerprint || (peer.mine && peer.presence !== "online") ? "wrong" : peer.trust === "pending" || peer.presence === "degraded" ? "attention" :
    peer.presence === "online" && peer.trust !== "revoked" ? "good" : "quiet";
  node.className = `card ${tone}${peer.mine ? " mine" : ""}`;
  node.blocked = is_blocked(peer);
  node.away = peer.presence !== "online" && peer.presence !== "degraded";
  const kind = [peer.gatewayKind, peer.gatewayVersion].filter(Boolean).join(" ");
  const under_way = (peer.openOutgoing ?? 0) + (peer.openIncoming ?? 0);
  node.replaceChildren(...[
    element("h3", {}, element("span", {class: "name"}, peer.gateway), peer.mine ? element("span", {class: "tag"}, "this bridge") : null),
    element("p", {class: "presence"}, icon(here.shape, here.tone), element("span", {}, here.word,
            peer.since && !peer.mine && peer.presence !== "unseen" ? element("span", {class: "dim"}, ` since ${moment(peer.since)}`) : null)),
    agents_of(peer),
    pinned ? element("p", {class: "keys"}, icon(pinned.shape, pinned.tone), pinned.word) : null,
    element("p", {class: "facts dim"}, [kind, under_way > 0 ? `${under_way.toLocaleString("en")} under way` : "", seen(peer)].filter(Boolean).join(" · ")),
  ].filter(Boolean));
}

function agents_of(peer) {
  if (peer.trust === "pending") return element("p", {class: "agents none dim"}, "what it says of itself is shown once it is trusted");
  if (peer.agents.length === 0) return element("p", {class: "agents none dim"}, "no agents");
  const left_out = peer.agents.length - kAgents;
  return element("ul", {class: "agents", "aria-label": `Agents of ${peer.gateway}`},
                 peer.agents.slice(0, kAgents).map(({id, name}) => element("li", {title: name && name !== id ? name : null}, id)),
                 left_out > 0 ? element("li", {class: "dim"}, `and ${left_out} more`) : null);
}

function draw_more(all, fitting, visible) {
  const left_out = fitting.length - visible.length;
  region(parts.more, [all.length, fitting.length, visible.length, filter], () => {
    if (all.length === 1 && !filter) {
      return element("span", {class: "empty"}, "No other gateway has been seen. Start a bridge beside another one, with the same broker and the same join secret; it appears here within seconds.");
    }
    if (fitting.length === 0) return element("span", {class: "empty"}, `No gateway or agent has “${filter}” in its name.`);
    if (left_out === 0) return null;
    return [`${visible.length} of ${count(fitting.length, "gateway")} are shown. `,
            element("button", {type: "button", onclick: () => { shown += 2 * kCards; draw(); }}, `Show ${Math.min(left_out, 2 * kCards)} more`)];
  });
}

function draw_rest() {
  const none = state.exchanges.size === 0;
  region(parts.rest, [none], () => none
    ? element("span", {class: "empty"}, "Nothing has been said yet. Try ", element("code", {}, "clawbridge send GATEWAY/AGENT hello"), ".")
    : element("a", {href: "#/exchanges"}, "All exchanges"));
}

// ---- wires ----

const kTrunk = 11;   // px from the map's left
const kRail = 22;    // px above a row of cards
const kFirstLine = 12;  // px from the broker's corner to the middle of its first line
const kAnchor = 26;  // px from a card's corner to where its wire arrives

/// Where a card's wire leaves the trunk and where it arrives; in one column it comes from the side.
function ends(card, one_column) {
  return one_column ? {y: card.offsetTop + kAnchor, x: card.offsetLeft, top: card.offsetTop + kAnchor, side: true}
                    : {y: card.offsetTop - kRail, x: card.offsetLeft + kAnchor, top: card.offsetTop, side: false};
}

// A wire is drawn in two parts, so that only the second, the gateway's own, is dashed or coloured; what is wrong is red all the way.
const rail = (end) => (end.side ? "" : `M${kTrunk} ${end.y}H${end.x - 6}`);
const drop = (end) => (end.side ? `M${kTrunk} ${end.y}H${end.x}` : `M${end.x - 6} ${end.y}q6 0 6 6V${end.top}`);
const open_switch = (end) => (end.side ? `M${kTrunk} ${end.y}l11-7M${end.x} ${end.y}h-4` : `M${end.x - 6} ${end.y}l13 ${kRail - 8}M${end.x} ${end.top}v-5`);

function draw_wires() {
  const cards = [...parts.cards.children];
  if (!parts.map.isConnected || cards.length === 0) return;
  const one_column = !getComputedStyle(parts.cards).gridTemplateColumns.includes(" ");
  parts.map.classList.toggle("one-column", one_column);
  const width = parts.map.clientWidth;
  const height = parts.map.clientHeight;
  const broker = parts.broker.offsetTop + kFirstLine;
  const found = cards.map((card) => ({card, end: ends(card, one_column)}));
  const down = state.status?.broker.state !== "connected";
  const printed = JSON.stringify([width, height, broker, down, found.map(({card, end}) => [card.key, card.className, card.blocked, card.away, end])]);
  if (parts.wires.printed === printed) return;
  parts.wires.printed = printed;
  parts.wires.setAttribute("viewBox", `0 0 ${width} ${height}`);
  parts.wires.setAttribute("width", width);
  parts.wires.setAttribute("height", height);
  const last = Math.max(...found.map(({end}) => end.y));
  const lines = found.map(({card, end}) => {
    const tone = card.classList.contains("wrong") ? "wrong" : card.classList.contains("attention") ? "attention" : "";
    return [svg("path", {class: `wire ${tone === "wrong" ? tone : ""}`, d: rail(end)}),
            svg("path", {class: `wire ${tone} ${card.away && !card.blocked ? "away" : ""}`, d: card.blocked ? open_switch(end) : drop(end)})];
  }).flat().sort((a, b) => a.classList.contains("wrong") - b.classList.contains("wrong"));
  parts.ends = new Map(found.map(({card, end}) => [card.key, {end, card}]));
  parts.wires.replaceChildren(
    svg("path", {class: `trunk ${down ? "down" : ""}`, d: `M${kTrunk} ${broker}V${last}`}), ...lines,
    ...found.map(({end}) => svg("circle", {class: `joint ${down ? "down" : ""}`, cx: kTrunk, cy: end.y, r: 2.5})),
    svg("circle", {class: `joint head ${down ? "down" : ""}`, cx: kTrunk, cy: broker, r: 5}));
}

// ---- what passes ----

let pulses = 0;

function pass(from, to) {
  const begin = parts?.ends?.get(from);
  const finish = parts?.ends?.get(to);
  if (!begin || !finish || !parts.map.isConnected || document.hidden || pulses >= kPulses) return;
  for (const {card} of [begin, finish]) {
    card.classList.add("lit");
    clearTimeout(card.dark);
    card.dark = setTimeout(() => card.classList.remove("lit"), 900);
  }
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const a = begin.end;
  const b = finish.end;
  const path = a.side ? `M${a.x} ${a.y}H${kTrunk}V${b.y}H${b.x}` : `M${a.x} ${a.top}V${a.y}H${kTrunk}V${b.y}H${b.x}V${b.top}`;
  const dot = svg("circle", {class: "pulse", r: 4});
  dot.style.offsetPath = `path("${path}")`;
  parts.wires.append(dot);
  pulses += 1;
  const run = dot.animate([{offsetDistance: "0%"}, {offsetDistance: "100%"}], {duration: 800, easing: "ease-in-out"});
  run.onfinish = run.oncancel = () => {
    dot.remove();
    pulses -= 1;
  };
}

on_traffic(pass);
