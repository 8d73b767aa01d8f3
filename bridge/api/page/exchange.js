// One exchange: how it went, stage by stage between the two sides, and what was said.

import {copy_button, confirm_by_person, element, icon, region, say, set_text, svg} from "./dom.js";
import {ask_again, let_go} from "./dead.js";
import {cancel, open_exchange, state} from "./state.js";
import {bytes, count, duration, from, full_moment, clock_ms, gateway_of, is_open, outcome, timeline, to, took} from "./words.js";

const kTextMax = 1200;  // characters, and
const kLinesMax = 16;   // lines of a text that are shown at first

let said = "";
let whole = new Set();

export function show(root, id) {
  said = "";
  whole = new Set();
  root.append(element("p", {class: "back"}, element("a", {href: "#/exchanges"}, "Exchanges")), element("div", {}));
  open_exchange(id);
}

export function draw(root, id) {
  const {open} = state;
  const dead = state.dead?.some(({correlationId}) => correlationId === id) ?? false;
  region(root.lastElementChild, [open?.version, open?.problem, open?.progress, dead, said, state.caller], () => {
    if (!open || (!open.exchange && !open.problem)) return element("p", {class: "empty"}, "Asking the daemon …");
    if (!open.exchange) return nothing(id, open.problem);
    return page(open.exchange, dead, open.progress);
  });
  if (!open?.exchange || !is_open(open.exchange)) return;
  for (const node of root.querySelectorAll(".elapsed")) set_text(node, duration(took(open.exchange)));  // alone: what has the focus keeps it
}

function nothing(id, problem) {
  return element("section", {class: "empty"}, element("h2", {}, "This exchange is not known here"), element("p", {}, problem),
                 element("p", {}, "On the other side the same id may be known: ", element("code", {}, `clawbridge exchange show ${id}`)));
}

function page(exchange, dead, progress) {
  const result = outcome(exchange);
  return element("article", {class: "one", "aria-labelledby": "exchange-title"},
    element("h2", {id: "exchange-title", class: "who"}, element("bdi", {class: "address"}, from(exchange)), element("span", {class: "arrow"}, icon("right"), element("span", {class: "unseen"}, " to ")),
            element("bdi", {class: "address"}, to(exchange))),
    element("p", {class: `verdict ${result.tone}`}, icon(result.shape, result.tone), element("strong", {}, result.word),
            element("span", {}, is_open(exchange) ? ["for ", element("span", {class: "elapsed"})] : `after ${duration(took(exchange)) || "an unknown time"}`)),
    element("p", {class: "meaning dim"}, result.meaning, exchange.hint ? element("span", {class: "hint"}, ` ${exchange.hint}.`) : null),
    failure(exchange),
    actions(exchange, dead),
    element("div", {class: "columns"},
      element("section", {"aria-labelledby": "timeline-title"}, element("h3", {id: "timeline-title"}, "Stages"), sides(exchange), stages(exchange), facts(exchange)),
      element("section", {"aria-labelledby": "texts-title"}, element("h3", {id: "texts-title"}, "What was said"),
        text_of("Request", exchange.message, "message"),
        progress && is_open(exchange) ? text_of("So far", progress, "progress") : null,
        is_open(exchange) ? null : text_of(exchange.truncated ? "Reply, cut by the other side" : "Reply", exchange.reply, "reply"),
        attachments(exchange.attachments))));
}

function failure({error}) {
  if (!error) return null;
  return element("div", {class: "failure"}, element("p", {}, element("code", {}, error.code), " ", element("bdi", {class: "plain"}, error.message)),
                 element("p", {class: "dim"}, error.retryable ? "The same request may succeed later." : "The same request would fail again, unless something changes."));
}

function actions(exchange, dead) {
  const buttons = [];
  if (state.caller?.mayOperate && is_open(exchange)) buttons.push(element("button", {type: "button", onclick: () => stop(exchange)}, "Stop it"));
  if (state.caller?.mayOperate && dead) {
    buttons.push(element("button", {type: "button", onclick: () => ask_again(exchange, tell)}, "Ask again"),
                 element("button", {type: "button", onclick: () => let_go(exchange, tell)}, "Drop it"));
  }
  if (buttons.length === 0 && !said) return null;
  return element("div", {class: "buttons"}, buttons, said ? element("p", {class: "result"}, said) : null);
}

async function tell(words) {
  said = typeof words === "string" ? words : words.words;
  say(said);
  await open_exchange(state.open?.id);
}

async function stop(exchange) {
  const yes = await confirm_by_person({title: "Stop this exchange?", yes: "Stop it", no: "Let it run",
    text: `${to(exchange)} is told to stop. What it has done so far stays done.`});
  if (!yes) return;
  const {done, problem} = await cancel(exchange.correlationId);
  const words = {cancelled: done?.ran ? "Stopped. It had begun to run." : "Stopped before it ran.", already_ended: "It had ended already.",
                 cannot_abort: "The gateway there cannot stop it; it goes on.", requested: "Asked to stop; the answer is still to come."};
  tell(problem ? `Not stopped: ${problem}` : words[done.result] ?? done.result);
}

// ---- stages ----

const kLane = {asker: 10, answerer: 62, width: 72, height: 24};

function sides(exchange) {
  const incoming = exchange.direction === "incoming";
  const asker = gateway_of(from(exchange));
  const answerer = exchange.gateway ?? "?";
  if (exchange.remote === false) return element("p", {class: "sides dim"}, `Within ${answerer}: it did not cross the broker.`);
  return element("p", {class: "sides"}, element("bdi", {}, asker), element("span", {class: "dim"}, " asks, "), element("bdi", {}, answerer), element("span", {class: "dim"}, " answers. The times are "),
                 element("bdi", {}, incoming ? answerer : asker), element("span", {class: "dim"}, "’s, when it learned of each."));
}

function stages(exchange) {
  const steps = timeline(exchange);
  if (steps.length === 0) return element("p", {class: "empty"}, "No stage is recorded.");
  const total = Math.max(1, steps.reduce((sum, {gap}) => sum + (gap ?? 0), 0));
  const running = is_open(exchange);
  const crosses = exchange.remote !== false;
  const [asker, answerer] = [gateway_of(from(exchange)), exchange.gateway ?? "?"];
  return element("ol", {class: "stages"}, steps.map((step, index) => element("li", {class: index === steps.length - 1 && !running ? `last ${outcome(exchange).tone}` : ""},
    lane(step),
    element("span", {class: "stage"}, element("span", {}, element("strong", {}, step.word), crosses ? element("bdi", {class: "dim"}, step.at === "asker" ? asker : answerer) : null),
            element("span", {class: "dim"}, step.text)),
    element("span", {class: "when"}, element("time", {datetime: step.time}, clock_ms(step.time)),
            step.gap === null ? null : element("span", {class: "gap"}, step.gap < 1 ? "within 1 ms" : `+ ${duration(step.gap)}`),
            step.gap === null ? null : svg("svg", {class: "share", viewBox: "0 0 100 3", preserveAspectRatio: "none", "aria-hidden": "true"},
                                           svg("rect", {width: 100, height: 3, class: "all"}), svg("rect", {width: Math.max(1, (100 * step.gap) / total), height: 3, class: "part"}))))),
    running ? element("li", {class: "running"}, lane({at: steps.at(-1).at, still: true}),
                      element("span", {class: "stage"}, element("strong", {}, "under way"), element("span", {class: "dim"}, exchange.hint ?? "the end is still to come")),
                      element("span", {class: "when"}, element("span", {class: "gap elapsed"}))) : null);
}

/// The two sides as lines (drawn by the style sheet, as long as the row is high), and what happened as a dot on one of them, with an
/// arrow from where it came.
function lane({at, crossing, still}) {
  const middle = kLane.height / 2;
  const [begin, end] = crossing === "out" ? [kLane.asker, kLane.answerer] : [kLane.answerer, kLane.asker];
  const tip = crossing === "out" ? -1 : 1;
  return element("span", {class: `lane ${still ? "still" : ""}`},
                 svg("svg", {viewBox: `0 0 ${kLane.width} ${kLane.height}`, "aria-hidden": "true"},
                     crossing ? svg("path", {class: "cross", d: `M${begin} ${middle}H${end + tip * 6}m${tip * 5}-4l${-tip * 5} 4 ${tip * 5} 4`}) : null,
                     svg("circle", {class: "dot", cx: kLane[at], cy: middle, r: 4.5})));
}

// ---- texts ----

function text_of(title, text, name) {
  if (text === undefined || text === null) {
    return element("div", {class: "text"}, element("h4", {}, title), element("p", {class: "dim"}, name === "message" ? "Its text is not kept here." : "None came."));
  }
  const lines = text.split("\n");
  const long = text.length > kTextMax || lines.length > kLinesMax;
  const cut = `${lines.slice(0, kLinesMax).join("\n").slice(0, kTextMax)} …`;
  const size = `${text.length.toLocaleString("en")} characters, ${count(lines.length, "line")}`;
  return element("div", {class: "text"},
    element("h4", {}, title, element("span", {class: "dim"}, ` ${size}`), copy_button(text, title)),
    text === "" ? element("p", {class: "dim"}, "An empty text.") : long ? foldable(title, name, text, cut) : panel(title, text));
}

const panel = (title, text) => element("pre", {tabindex: "0", "aria-label": title, dir: "auto"}, text);

function foldable(title, name, text, cut) {
  const place = panel(title, "");
  const button = element("button", {type: "button", onclick: () => {
    if (!whole.delete(name)) whole.add(name);
    draw_it();
  }});
  const draw_it = () => {
    const all = whole.has(name);
    set_text(place, all ? text : cut);
    set_text(button, all ? "Show less" : `Show all ${text.length.toLocaleString("en")} characters`);
    button.setAttribute("aria-expanded", String(all));
  };
  draw_it();
  return [place, button];
}

function attachments(files) {
  if (!files?.length) return null;
  return element("div", {class: "text"}, element("h4", {}, count(files.length, "file")),
    element("ul", {}, files.map(({name, mimeType, content}) => element("li", {}, element("bdi", {}, name || "without a name"), element("span", {class: "dim"}, ` ${mimeType ?? ""} ${bytes(Math.floor((content.length * 3) / 4))}`)))),
    element("p", {class: "dim"}, "`clawbridge exchange show ID --save-attachments FOLDER` writes them."));
}

function facts(exchange) {
  const rows = [["Id", exchange.correlationId, true], ["Operation", exchange.operation], ["Session", exchange.sessionKey], ["Spawned session", exchange.childSessionKey], ["Run", exchange.runId],
                ["Direction", exchange.remote === false ? "within this gateway" : exchange.direction],
                ["Created", exchange.created && full_moment(exchange.created)], ["Expires", exchange.expires && full_moment(exchange.expires)], ["Put off because", exchange.reason]];
  return element("dl", {class: "facts"}, rows.filter(([, value]) => value).map(([name, value, copy]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, element("bdi", {class: name === "Put off because" || name === "Direction" ? "plain" : null}, value), copy ? copy_button(value, "the id") : null))));
}
