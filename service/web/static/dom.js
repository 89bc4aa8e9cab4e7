// Elements from data. Whatever came from a user becomes text nodes or attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** What `condition && node` leaves behind when there is nothing to show is dropped. */
const present = (children) => [children].flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...present(children));
  return node;
}

/** An HTML element: h("p", {class: "quiet", onclick: f}, "text", node, null). */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export const byId = (id) => document.getElementById(id);

/** Write only what differs: no flicker, and nothing for a screen reader to repeat. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Replace an element's children when `signature` says that they differ from what is there. */
export function refill(node, signature, make) {
  const mark = JSON.stringify(signature);
  if (node.dataset.mark === mark) return false;
  node.dataset.mark = mark;
  node.replaceChildren(...present(make()));
  return true;
}

/** Bring the children of `parent` in line with `items`: one element a key, kept, moved, made or removed. */
export function keyed(parent, items, keyOf, make, update) {
  const kept = new Map();
  for (const child of [...parent.children]) {
    if (child.dataset.key === undefined) child.remove();
    else kept.set(child.dataset.key, child);
  }
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = kept.get(key);
    if (node) kept.delete(key);
    else {
      node = make(item);
      node.dataset.key = key;
    }
    update(node, item);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  }
  for (const gone of kept.values()) gone.remove();
}

/** The one message above the page; empty text hides it. */
export function alertText(text) {
  const node = byId("alert");
  setText(node, text);
  show(node, text !== "");
}
