// The page's only way to the document. Texts of others become text nodes and attribute values, never markup: there is no innerHTML
// here, and the Content-Security-Policy would refuse it.

const kSvg = "http://www.w3.org/2000/svg";

/// element("a", {class: "row", href: "#/map", onclick: f}, "text", child …). `null`, `undefined`, `false`: left out.
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(kSvg, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const by_id = (id) => document.getElementById(id);

export function set_text(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/// Makes `parent` show one child for each item, in order. A child stays the same node while its key is there, so that focus and
/// selection stay, and its content is made again only when what the item shows (`print`, any JSON value) has changed.
export function list(parent, items, {key, print, make, content}) {
  const keys = new Set(items.map(key));
  const old = new Map();
  for (const child of [...parent.children]) {
    if (keys.has(child.key)) old.set(child.key, child);
    else child.remove();
  }
  let next = parent.firstElementChild;
  for (const item of items) {
    const node = old.get(key(item)) ?? make(item);
    node.key = key(item);
    const printed = JSON.stringify(print(item));
    if (node.printed !== printed) {
      node.printed = printed;
      content(node, item);
    }
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}

/// Makes `parent` hold what `content` returns, again only when `print` has changed.
export function region(parent, print, content) {
  const printed = JSON.stringify(print);
  if (parent.printed === printed) return false;
  parent.printed = printed;
  parent.replaceChildren(...[content()].flat().filter(Boolean));
  return true;
}

// Each state has a shape, so that no colour is needed to tell it. 16 × 16, drawn with the text's colour.
const kShapes = {
  full: [["circle", {cx: 8, cy: 8, r: 5, class: "solid"}]],
  half: [["circle", {cx: 8, cy: 8, r: 5}], ["path", {d: "M8 3a5 5 0 0 1 0 10z", class: "solid"}]],
  ring: [["circle", {cx: 8, cy: 8, r: 5}]],
  dots: [["circle", {cx: 8, cy: 8, r: 5, "stroke-dasharray": "2 2.2"}]],
  check: [["path", {d: "M3 8.6 6.6 12 13 4.6"}]],
  dash: [["path", {d: "M3.5 8h9"}]],
  cross: [["path", {d: "m4 4 8 8m0-8-8 8"}]],
  question: [["path", {d: "M5.2 5.8A2.9 2.9 0 1 1 9.4 8.3C8.4 8.9 8 9.3 8 10.2M8 13v.2"}]],
  clock: [["circle", {cx: 8, cy: 8, r: 5.6}], ["path", {d: "M8 4.8V8l2.2 1.6"}]],
  slash: [["circle", {cx: 8, cy: 8, r: 5.6}], ["path", {d: "m4.2 11.8 7.6-7.6"}]],
  running: [["circle", {cx: 8, cy: 8, r: 5.6, "stroke-dasharray": "3 2.4"}], ["circle", {cx: 8, cy: 8, r: 1.8, class: "solid"}]],
  key: [["circle", {cx: 5.4, cy: 8, r: 2.9}], ["path", {d: "M8.3 8H14v2.6M11.4 8v2"}]],
  warning: [["path", {d: "M8 2.4 14.4 13.4H1.6zM8 6.6v3.2M8 11.6v.1"}]],
  right: [["path", {d: "M3 8h9.4M9 4.4 12.6 8 9 11.6"}]],
};

export function icon(name, tone = "") {
  return svg("svg", {class: `icon ${tone}`, viewBox: "0 0 16 16", "aria-hidden": "true"},
             kShapes[name].map(([tag, attributes]) => svg(tag, attributes)));
}

/// A button that copies a text, and says that it did.
export function copy_button(text, what) {
  const button = element("button", {type: "button", class: "copy", "aria-label": `Copy ${what}`}, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      set_text(button, "copied");
      say(`${what} copied`);
    } catch {
      set_text(button, "select it by hand");
    }
    setTimeout(() => set_text(button, "copy"), 2000);
  });
  return button;
}

/// For who hears the page instead of seeing it.
export function say(text) {
  set_text(by_id("said"), text);
}

/// Asks a person before something is done. Resolves to whether it shall be.
export function confirm_by_person({title, text, yes, no}) {
  const dialog = by_id("ask");
  set_text(by_id("ask-title"), title);
  set_text(by_id("ask-text"), text);
  set_text(by_id("ask-yes"), yes);
  set_text(by_id("ask-no"), no);
  by_id("ask-yes").onclick = () => dialog.close("yes");
  by_id("ask-no").onclick = () => dialog.close("no");
  dialog.returnValue = "no";
  dialog.showModal();
  by_id("ask-no").focus();
  return new Promise((decided) => {
    dialog.onclose = () => {
      if (!dialog.open) decided(dialog.returnValue === "yes");  // open: it told of the closing before, late
    };
  });
}
