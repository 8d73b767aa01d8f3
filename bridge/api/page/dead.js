// Dead letters: requests that ended without having been carried out for certain, until somebody deals with them.

import {confirm_by_person, element, icon, list, region, say} from "./dom.js";
import {drop, replay, state} from "./state.js";
import {count, from, may_have_run, moment, outcome, to} from "./words.js";

const kRows = 50;

let view = null;

export function show(root) {
  view = {rows: kRows, result: element("div", {class: "result-place"}), list: element("ol", {class: "letters"}), more: element("p", {class: "more"}), said: null};
  root.append(element("section", {"aria-labelledby": "dead-title"}, element("h2", {id: "dead-title"}, "Dead letters"),
                      element("p", {class: "intro dim"}, "Requests that were not carried out for certain. Ask again, or drop them; until then they are kept, as long as store.keep says."),
                      view.result, view.list, view.more));
}

export function draw() {
  const letters = state.dead;
  const may = state.caller?.mayOperate === true;
  region(view.result, [view.said], () => view.said && element("p", {tabindex: "-1", class: `result ${view.said.failed ? "wrong" : "good"}`}, icon(view.said.failed ? "cross" : "check", view.said.failed ? "wrong" : "good"),
    element("span", {}, view.said.words, view.said.id ? [" ", element("a", {href: `#/exchange/${encodeURIComponent(view.said.id)}`}, "Watch it")] : null)));
  const visible = (letters ?? []).slice(0, view.rows);
  list(view.list, visible, {
    key: (letter) => letter.correlationId,
    print: (letter) => [letter, may],
    make: () => element("li", {class: "letter"}),
    content: (node, letter) => draw_letter(node, letter, may),
  });
  region(view.more, [letters === null, letters?.length, visible.length, state.caller], () => {
    if (letters === null) return element("span", {class: "empty"}, state.caller?.seesAll === false ? "Dead letters are for the operator; this token is an agent's." : "Asking the daemon …");
    if (letters.length === 0) return element("span", {class: "empty"}, icon("check", "good"), " None. Everything that ended was carried out, or its asker was told why not.");
    const said = [];
    if (letters.length > visible.length) {
      said.push(`${visible.length} of ${count(letters.length, "dead letter")} are shown. `, element("button", {type: "button", onclick: () => { view.rows += 2 * kRows; draw(); }}, "Show more"));
    }
    if (!may) said.push(element("span", {class: "dim"}, "This token only looks. `clawbridge page` without --watch prints a link that may ask again and drop."));
    return said;
  });
}

function draw_letter(node, letter, may) {
  const {word, shape, tone, meaning} = outcome(letter);
  const ended = letter.stages?.at(-1)?.stage === "ended" ? letter.stages.at(-1).time : letter.created;
  const name = `${word} request of ${from(letter)} to ${to(letter)}`;
  node.className = `letter ${tone}`;
  node.replaceChildren(
    element("div", {class: "what"},
      element("h3", {}, element("a", {href: `#/exchange/${encodeURIComponent(letter.correlationId)}`}, element("bdi", {class: "address"}, from(letter)),
              element("span", {class: "arrow"}, icon("right"), element("span", {class: "unseen"}, " to ")), element("bdi", {class: "address"}, to(letter)))),
      element("p", {class: `outcome ${tone}`}, icon(shape, tone), element("strong", {}, word), element("span", {class: "dim"}, ` ${moment(ended)}`)),
      element("p", {}, letter.error ? [element("code", {}, letter.error.code), " ", element("bdi", {class: "plain"}, letter.error.message)] : meaning)),
    ...(may ? [element("div", {class: "buttons"},
      element("button", {type: "button", "aria-label": `Ask again: ${name}`, onclick: () => ask_again(letter, tell)}, "Ask again"),
      element("button", {type: "button", "aria-label": `Drop: ${name}`, onclick: () => let_go(letter, tell)}, "Drop"))] : []));
}

function tell(said) {
  view.said = said;
  say(said.words);
  draw();
  view.result.firstElementChild.focus();  // the button that had it may be gone
}

/// Asks it again if the person means it; `told` gets {words, id, failed} of what came of it.
export async function ask_again(letter, told) {
  const yes = await confirm_by_person({
    title: "Ask again?", yes: "Ask again", no: "Leave it",
    text: `${to(letter)} is asked anew, as a new exchange. ${may_have_run(letter) ? "It may have carried this out already, in whole or in part: then it happens twice." : "It did not run the first time."}`});
  if (!yes) return;
  const {done, problem} = await replay(letter.correlationId);
  told(problem ? {words: `Not asked again: ${problem}`, failed: true} : {words: `Asked again, as ${done.correlationId}.`, id: done.correlationId});
}

export async function let_go(letter, told) {
  const yes = await confirm_by_person({
    title: "Drop this dead letter?", yes: "Drop it", no: "Keep it",
    text: `The request of ${from(letter)} to ${to(letter)} is no dead letter any more, and nobody is asked again. The exchange stays in the journal until store.keep has passed.`});
  if (!yes) return;
  const {problem} = await drop(letter.correlationId);
  told(problem ? {words: `Not dropped: ${problem}`, failed: true} : {words: "Dropped."});
}
