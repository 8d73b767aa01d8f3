// The exchanges that this bridge has a part in, newest first. What is drawn is bounded; what is left out is said.

import {element, icon, list, region, svg} from "./dom.js";
import {kExchangesMax, read_all_exchanges, sorted_exchanges, state} from "./state.js";
import {count, duration, from, is_bad, is_open, moment, outcome, parts, to, took} from "./words.js";

const kRows = 50;
const kTrace = {width: 132, height: 12, least: 3};

const kKinds = {all: {words: "All", fits: () => true}, open: {words: "Under way", fits: is_open}, bad: {words: "Went wrong", fits: is_bad}};

let view = null;

export function show(root) {
  const search = element("input", {type: "search", id: "filter", placeholder: "gateway, agent, operation or id", "aria-label": "Show exchanges with this in them",
                                   oninput: () => { view.words = search.value.trim().toLowerCase(); view.rows = kRows; draw(); }});
  const kinds = Object.entries(kKinds).map(([kind, {words}]) => element("button", {
    type: "button", "aria-pressed": kind === "all" ? "true" : "false", "data-kind": kind,
    onclick: (event) => {
      view.kind = kind;
      view.rows = kRows;
      for (const button of view.kinds) button.setAttribute("aria-pressed", button === event.currentTarget ? "true" : "false");
      draw();
    }}, words));
  view = {kind: "all", words: "", rows: kRows, kinds, list: element("ol", {class: "exchanges"}), more: element("p", {class: "more"})};
  root.append(element("section", {"aria-labelledby": "exchanges-title"},
                      element("h2", {id: "exchanges-title"}, "Exchanges"),
                      element("div", {class: "tools"}, search, element("div", {class: "choice", role: "group", "aria-label": "Which exchanges"}, kinds)),
                      legend(), view.list, view.more));
}

const kIdPattern = /^[0-9a-hjkmnp-tv-z]{26}$/;

function fits(exchange) {
  if (!kKinds[view.kind].fits(exchange)) return false;
  if (!view.words) return true;
  return [from(exchange), to(exchange), exchange.operation ?? "", exchange.correlationId, exchange.sessionKey ?? ""].some((text) => text.toLowerCase().includes(view.words));
}

export function draw() {
  const all = sorted_exchanges();
  const fitting = all.filter(fits);
  const visible = fitting.slice(0, view.rows);
  exchange_list(view.list, visible);
  region(view.more, [all.length, fitting.length, visible.length, view.words, view.kind, state.complete], () => {
    const said = [];
    if (all.length === 0) return element("span", {class: "empty"}, "Nothing has been said yet, as far as this bridge's journal goes back. Try ", element("code", {}, "clawbridge send GATEWAY/AGENT hello"), ".");
    if (fitting.length === 0) said.push(element("span", {class: "empty"}, "None of the exchanges that are held here fits. "));
    if (fitting.length > visible.length) {
      said.push(`${visible.length} of ${count(fitting.length, "exchange")} are shown. `,
                element("button", {type: "button", onclick: () => { const next = view.rows; view.rows += 2 * kRows; draw(); view.list.children[next]?.firstElementChild.focus(); }}, `Show ${Math.min(2 * kRows, fitting.length - visible.length)} more`), " ");
    }
    if (!state.complete && all.length < kExchangesMax && fitting.length === visible.length) {
      said.push(`The newest ${all.length.toLocaleString("en")} are held here. `, element("button", {type: "button", onclick: read_all_exchanges}, "Read older ones"), " ");
    }
    if (all.length >= kExchangesMax) said.push(`The newest ${kExchangesMax.toLocaleString("en")} are held here; any other is found by its whole id. `);
    if (fitting.length === 0 && kIdPattern.test(view.words)) said.push(element("a", {href: `#/exchange/${view.words.toUpperCase()}`}, "Look this id up"));
    return said;
  });
}

function legend() {
  return element("p", {class: "legend dim"}, "Where the time went: ",
                 [["wire", "on the way"], ["wait", "waiting"], ["work", "the agent at work"]].map(([kind, words]) =>
                   element("span", {}, svg("svg", {class: "trace key", viewBox: "0 0 18 12", "aria-hidden": "true"}, bar(kind, 0, 18)), ` ${words} `)));
}

/// Fills `parent` with these exchanges, as links to each.
export function exchange_list(parent, exchanges) {
  const now = Date.now();
  list(parent, exchanges, {
    key: (exchange) => exchange.correlationId,
    print: (exchange) => [exchange.status, exchange.stage, exchange.stages?.length, is_open(exchange) ? Math.floor(now / 1000) : 0],
    make: (exchange) => element("li", {}, element("a", {href: `#/exchange/${encodeURIComponent(exchange.correlationId)}`})),
    content: (node, exchange) => draw_row(node.firstElementChild, exchange, now),
  });
}

function draw_row(link, exchange, now) {
  const {word, shape, tone} = outcome(exchange);
  const time = took(exchange, now);
  link.className = `exchange ${tone}`;
  const stage = is_open(exchange) && exchange.stage ? `, ${exchange.stage.replace("_", " ")}` : "";
  link.replaceChildren(
    element("span", {class: "time"}, moment(exchange.created, now)),
    element("span", {class: "who"}, element("bdi", {class: "address"}, from(exchange)), element("span", {class: "arrow"}, icon("right"), element("span", {class: "unseen"}, " to ")),
            element("bdi", {class: "address"}, to(exchange))),
    element("span", {class: "operation dim"}, exchange.operation ?? ""),
    trace(exchange, now),
    element("span", {class: `outcome ${tone}`}, icon(shape, tone), `${word}${stage}`),
    element("span", {class: "took"}, duration(time)));
}

const bar = (kind, x, width) => svg("rect", {class: kind, x, width, y: kind === "work" ? 2 : kind === "wait" ? 4 : 5, height: kind === "work" ? 8 : kind === "wait" ? 4 : 2,
                                             rx: kind === "work" ? 1.5 : 0});

/// A picture of what the time went into, by shares of the whole.
export function trace(exchange, now) {
  const shares = parts(exchange, now);
  const whole = shares.reduce((sum, {ms}) => sum + ms, 0);
  const free = kTrace.width - kTrace.least * shares.length;
  let x = 0;
  const bars = shares.map(({kind, ms}) => {
    const width = kTrace.least + (whole > 0 ? (free * ms) / whole : 0);
    const drawn = bar(kind, x, Math.max(1, width - 1));
    x += width;
    return drawn;
  });
  return svg("svg", {class: "trace", viewBox: `0 0 ${kTrace.width} ${kTrace.height}`, preserveAspectRatio: "none", "aria-hidden": "true"}, bars);
}
