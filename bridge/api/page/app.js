// Which view is shown, the frame around it, and the way in.

import {forget_token, keep_token, take_token_from_address, token} from "./api.js";
import {by_id, copy_button, element, icon, region, say, set_text} from "./dom.js";
import * as dead from "./dead.js";
import * as exchange from "./exchange.js";
import * as exchanges from "./exchanges.js";
import * as map from "./map.js";
import {problems} from "./problems.js";
import {changed, close_exchange, on_change, start, state} from "./state.js";
import {count} from "./words.js";

const kViews = [
  {path: /^#\/exchange\/([^/]+)$/, view: exchange, nav: "to-exchanges", title: "Exchange"},
  {path: /^#\/exchanges$/, view: exchanges, nav: "to-exchanges", title: "Exchanges"},
  {path: /^#\/dead$/, view: dead, nav: "to-dead", title: "Dead letters"},
  {path: /^/, view: map, nav: "to-map", title: "Map"},
];

let shown = null;  // {view, argument, root, nav, title}

function route() {
  const found = kViews.find(({path}) => path.test(location.hash));
  const argument = decode(found.path.exec(location.hash)[1]);
  if (shown && shown.view === found.view && shown.argument === argument) return;
  const first = shown === null;
  close_exchange();
  const root = element("div", {class: "view"});
  shown = {...found, argument, root};
  by_id("main").replaceChildren(root);
  found.view.show(root, argument);
  scrollTo(0, 0);
  if (!first) by_id("main").focus({preventScroll: true});
  changed();
}

function decode(text) {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return text;
  }
}

// ---- the frame ----

const kConnection = {up: ["full", "live"], starting: ["running", "connecting"], gone: ["cross", "daemon gone"], refused: ["cross", "no token"]};

function draw_frame() {
  const found = problems(state);
  const {status} = state;
  by_id("top").hidden = false;
  set_text(by_id("me"), status?.gateway ?? "…");
  for (const {nav} of kViews) {
    if (nav === shown.nav) by_id(nav).setAttribute("aria-current", "page");
    else by_id(nav).removeAttribute("aria-current");
  }
  const letters = state.dead?.length ?? 0;
  region(by_id("to-dead"), letters, () => ["Dead letters", letters > 0 ? element("span", {class: "badge"}, letters.toLocaleString("en")) : null]);
  by_id("to-dead").hidden = state.caller?.seesAll === false;
  const words = state.connection === "up" && !state.live ? ["running", "reconnecting"] : kConnection[state.connection];
  const role = state.caller?.mayOperate === false ? " · read-only" : "";
  region(by_id("live"), [words, role], () => [icon(words[0], words[1] === "live" ? "good" : "wrong"), `${words[1]}${role}`]);
  draw_problems(found);
  by_id("main").classList.toggle("stale", state.connection === "gone");
  const wrong = found.length > 0 ? `(${found.length}) ` : "";
  document.title = `${wrong}${shown.title} · ${status?.gateway ?? "clawbridge"}`;
}

let announced = "";

function draw_problems(found) {
  const root = by_id("problems");
  const whole = shown.view === map;
  root.className = found.some(({level}) => level === "wrong") ? "wrong" : found.length > 0 ? "attention" : "fine";
  region(root, [found, whole, state.status !== null], () => {
    if (found.length === 0) return null;
    if (!whole) {
      return element("p", {class: "short"}, icon("warning"), element("a", {href: "#/map"}, found[0].title),
                     found.length > 1 ? ` and ${count(found.length - 1, "more thing")} to look at` : "");
    }
    return element("section", {"aria-label": "What is wrong"},
                   element("h2", {}, found.some(({level}) => level === "wrong") ? "What is wrong" : "Worth a look"),
                   element("ul", {class: "problem-list"}, found.map(problem)));
  });
  const words = found.map(({title}) => title).join(". ");
  if (words !== announced && state.connection !== "starting") say(words || "Nothing is wrong any more");
  announced = words;
}

const unfolded = new Map();  // key -> whether the person wants to see what to do; what is wrong is unfolded by itself

function problem({key, level, title, why, todo}) {
  const open = unfolded.get(key) ?? level === "wrong";
  return element("li", {class: `problem ${level}`}, element("details", {open, ontoggle: (event) => unfolded.set(key, event.target.open)},
                 element("summary", {}, icon(level === "wrong" ? "cross" : "warning"), element("h3", {}, title)),
                 element("p", {}, why),
                 element("ol", {}, todo.map(({text, command, link, words}) => element("li", {}, text, command || link ? ": " : ".",
                   command ? element("span", {class: "command"}, element("code", {}, command), copy_button(command, "the command")) : null,
                   link ? element("a", {href: link}, words) : null)))));
}

// ---- the way in ----

function draw_door() {
  by_id("top").hidden = true;
  by_id("main").classList.remove("stale");
  by_id("problems").replaceChildren();
  by_id("problems").printed = undefined;
  document.title = "clawbridge";
  const refused = state.connection === "refused";
  region(by_id("main"), ["door", refused], () => {
    const field = element("input", {id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true,
                                    "aria-describedby": "token-help", "aria-invalid": refused ? "true" : null});
    const enter = (event) => {
      event.preventDefault();
      keep_token(field.value.trim());
      by_id("main").printed = undefined;
      shown = null;
      open();
    };
    return element("section", {class: "door", "aria-label": "The way in"},
                   element("h1", {}, "clawbridge"),
                   element("p", {}, "This page shows which agents there are, what they say to each other, and what is wrong. It needs a token, because every user of this machine can reach it."),
                   refused ? element("p", {class: "refusal", role: "alert"}, icon("cross", "wrong"),
                                     "The daemon does not know this token. It may have been changed in api.tokens, or belong to another daemon.") : null,
                   element("p", {}, "This prints a link that has it:"),
                   element("p", {class: "command"}, element("code", {}, "clawbridge page"), copy_button("clawbridge page", "the command")),
                   element("form", {onsubmit: enter},
                           element("label", {for: "token"}, "Or paste a token of api.tokens"),
                           element("div", {class: "buttons"}, field, element("button", {type: "submit", class: "strong"}, "Open")),
                           element("p", {id: "token-help", class: "help"},
                                   "_bridge may do what you may, _watch only looks, an agent's shows that agent's exchanges. It stays in this tab, until you close it.")));
  });
}

function draw() {
  if (!token() || state.connection === "refused") return draw_door();
  if (!shown) return;
  draw_frame();
  if (state.connection === "gone" && !state.status) {
    region(shown.root, "gone", () => element("p", {class: "empty"}, "Nothing is known yet: the daemon has not answered."));
    return;
  }
  shown.view.draw(shown.root, shown.argument);
}

function open() {
  if (!token()) return draw_door();
  by_id("main").printed = undefined;
  route();
  start();
}

on_change(draw);
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) {
    take_token_from_address();
    shown = null;
    return open();
  }
  if (token() && shown) route();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  by_id("main").focus();
});
take_token_from_address();
if (!token()) forget_token();
open();
