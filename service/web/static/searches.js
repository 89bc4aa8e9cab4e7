// The list of searches: read again every few seconds while the page is looked at.

import { explain, get } from "./api.js";
import { alertText, byId, h, keyed, setText, show } from "./dom.js";
import { ago, dateTime, percent } from "./format.js";
import { settled } from "./pace.js";
import { badge, FINAL, setBadge } from "./states.js";

const EVERY = 5000; // ms, while a search is alive
const SELDOM = 30_000; // ms, when all are finished: somebody may start another
const PAGE = 50;

const [rows, table, more] = [byId("rows"), byId("searches"), byId("more")];
let wanted = PAGE;
let timer = null;
let asked = 0;
let every = EVERY;

const title = (search) => search.name || `Search ${search.id}`;

function row(search) {
  const cell = (name, ...content) => h("td", { "data-label": name }, ...content);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { class: "stretch", href: `/searches/${encodeURIComponent(search.id)}` })),
    cell("State", badge(search.state)),
    cell("Progress", h("span", { class: "meter" }, h("progress", { max: 1, "aria-label": "Progress" }), h("span", {}))),
    h("td", { class: "num", "data-label": "Best accuracy" }),
    cell("Baseline"),
    cell("Data set"),
    cell("Created", h("time", {})),
  );
}

function update(node, search) {
  const [name, state, progress, best, baseline, dataset, created] = node.children;
  setText(name.firstChild, title(search));
  setBadge(state.firstChild, search.state);
  const [bar, text] = progress.firstChild.children;
  bar.value = search.progress;
  setText(text, percent(search.progress, 0));
  setText(best, percent(search.best?.accuracy));
  setText(baseline, search.baseline);
  setText(dataset, search.dataset);
  const at = created.firstChild;
  at.dateTime = search.created_at;
  at.title = dateTime(search.created_at);
  setText(at, ago(search.created_at));
}

function filler(text, filtered) {
  const first = filtered ? null : h("a", { href: "/new" }, "Start the first one");
  return h("tr", { class: "filler" }, h("td", { colspan: 7 }, text, " ", first));
}

async function page(query, cursor, room) {
  const search = new URLSearchParams({ limit: Math.min(room, 100), ...query, ...(cursor ? { cursor } : {}) });
  return get(`/v1/searches?${search}`);
}

async function load() {
  clearTimeout(timer);
  const turn = ++asked;
  const query = Object.fromEntries(
    [["name", byId("filter-name").value.trim()], ["state", byId("filter-state").value]].filter(([, value]) => value),
  );
  try {
    const found = [];
    let cursor = null;
    do {
      const part = await page(query, cursor, wanted - found.length);
      found.push(...part.items);
      cursor = part.next_cursor;
    } while (cursor && found.length < wanted);
    if (turn !== asked) return; // a later question was asked meanwhile
    const filtered = Object.keys(query).length > 0;
    if (found.length) keyed(rows, found, (search) => search.id, row, update);
    else rows.replaceChildren(filler(filtered ? "No search fits." : "No searches yet.", filtered));
    show(more, cursor !== null);
    alertText("");
    every = found.every((search) => FINAL.has(search.state)) ? SELDOM : EVERY;
  } catch (error) {
    alertText(explain(error));
  } finally {
    table.setAttribute("aria-busy", "false");
  }
  if (turn === asked && !document.hidden) timer = setTimeout(load, every);
}

byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filter-name").addEventListener("input", settled(load, 250));
byId("filter-state").addEventListener("change", load);
more.addEventListener("click", () => {
  wanted += PAGE;
  load();
});
document.addEventListener("visibilitychange", () => document.hidden || load());
load();
