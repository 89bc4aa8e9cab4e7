// The leaderboard: rows keep their element from one reading to the next, and only cells that differ are written.

import { explain, get } from "./api.js";
import { columns, scaleOf } from "./columns.js";
import { byId, h, keyed, refill, setText, show } from "./dom.js";
import { plural, time } from "./format.js";

const PAGE = 25;
const MOST = 500; // the API's own limit of one page

export function board(path, open) {
  const [table, body, note, more] = [byId("board"), byId("trials"), byId("board-note"), byId("more")];
  let sort = ""; // the ranking itself
  let ranked = true;
  let wanted = PAGE;
  let turn = 0;

  async function page(cursor, room) {
    const query = new URLSearchParams({ limit: Math.min(room, ranked ? MOST : 100), ...(cursor ? { cursor } : {}) });
    if (ranked && sort) query.set("sort", sort);
    return get(`${path}/${ranked ? "leaderboard" : "trials"}?${query}`);
  }

  async function read() {
    const mine = ++turn;
    const trials = [];
    let cursor = null;
    let asOf = null;
    do {
      const part = await page(cursor, wanted - trials.length);
      trials.push(...part.items);
      [cursor, asOf] = [part.next_cursor, part.as_of];
    } while (cursor && trials.length < wanted);
    if (mine !== turn) return; // sorted or switched meanwhile
    draw(trials, cursor !== null);
    const what = ranked ? plural(trials.length, "trial") + (cursor ? ", more below" : " ranked") : "in the order of proposal";
    setText(note, `${what} · as of ${time(asOf)}`);
  }

  function draw(trials, left) {
    const scale = scaleOf(trials);
    if (trials.length) keyed(body, trials, (trial) => trial.number, row, (node, trial) => update(node, trial, scale));
    else refill(body, [ranked], () => h("tr", { class: "filler" }, h("td", { colspan: columns.length }, empty())));
    if (trials.length) delete body.dataset.mark;
    show(more, left);
    table.setAttribute("aria-busy", "false");
  }

  const empty = () => (ranked ? "No trial has finished yet; the first one will stand here." : "No trial has begun yet.");

  function row(trial) {
    const cells = columns.map(({ header, number }) => h(header ? "th" : "td", { scope: header ? "row" : null, class: number ? "num" : null }));
    const node = h("tr", {}, cells);
    node.addEventListener("click", (event) => event.target.closest("button") || open(trial.number));
    return node;
  }

  function update(node, trial, scale) {
    node.classList.toggle("is-reference", trial.reference === true);
    node.dataset.state = trial.state;
    columns.forEach(({ value, render }, at) => {
      const cell = node.children[at];
      const shown = value(trial, scale);
      if (render) refill(cell, shown, () => render(trial, { scale, open }));
      else setText(cell, shown);
    });
  }

  function heads() {
    const head = byId("columns");
    head.replaceChildren(
      ...columns.map(({ label, hint, sort: key, first, number }) => {
        const attributes = { scope: "col", class: number ? "num" : null, title: hint };
        if (key === undefined || !ranked) return h("th", attributes, label);
        const down = sort === `-${key}`;
        const on = down || sort === key;
        const order = on ? (down && key ? "descending" : "ascending") : null;
        const next = on && key ? (down ? key : `-${key}`) : first;
        const button = h("button", { type: "button", class: "sort", onclick: () => sortBy(next, key) }, label);
        button.dataset.sort = key;
        return h("th", { ...attributes, "aria-sort": order }, button);
      }),
    );
  }

  function sortBy(next, key) {
    sort = next;
    heads();
    byId("columns").querySelector(`[data-sort="${key}"]`).focus();
    reread();
  }

  /** Read at once; the page's own reading reports errors. */
  function reread() {
    table.setAttribute("aria-busy", "true");
    read().catch((error) => setText(note, explain(error)));
  }

  function choose(which) {
    ranked = which;
    wanted = PAGE;
    byId("ranked").setAttribute("aria-pressed", String(which));
    byId("everything").setAttribute("aria-pressed", String(!which));
    heads();
    reread();
  }

  byId("ranked").addEventListener("click", () => choose(true));
  byId("everything").addEventListener("click", () => choose(false));
  more.addEventListener("click", () => {
    wanted = Math.min(2 * wanted, 100_000);
    reread();
  });
  heads();
  return { read };
}
