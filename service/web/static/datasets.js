// What can be trained on: the list, and one data set with its examples, counts and problems.

import { explain, get, send } from "./api.js";
import { alertText, byId, h, setText, show } from "./dom.js";
import { count, pixels, plural } from "./format.js";

const SHOWN = 32; // rows of classes; the sprite has as many
const SPLITS = ["train", "validation", "test"];

function row(info) {
  const number = (value) => h("td", { class: "num" }, count(value));
  const link = h("a", { class: "stretch", href: `#${encodeURIComponent(info.name)}` }, info.name);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, link),
    number(info.classes),
    h("td", { class: "num" }, pixels(info.native_px)),
    ...SPLITS.map((split) => number(info[split])),
    h("td", {}, info.summary),
  );
}

const decimals = (values) => values.map((value) => value.toFixed(2)).join(", ");

function facts(found) {
  const rows = [
    ["Source", found.source],
    ["Stored at", pixels(found.native_px)],
    ["Images have", pixels(found.source_px)],
    ["Mean", decimals(found.mean)],
    ["Standard deviation", decimals(found.deviation)],
    ["Content hash", h("code", {}, found.content_hash)],
  ];
  return rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

function problem(found) {
  const names = found.examples.map(({ name, detail }) => h("li", {}, detail ? `${name}: ${detail}` : name));
  const more = found.count - names.length;
  return h(
    "li",
    {},
    h("strong", {}, `${count(found.count)} ${found.kind}`),
    ` (${found.policy}): ${found.meaning}`,
    h("details", {}, h("summary", {}, "which"), h("ul", {}, names, more > 0 && h("li", {}, `and ${count(more)} more`))),
  );
}

/** The examples of one class, cut out of the sprite. */
function strip(sprite, { px, columns }, place) {
  const canvas = h("canvas", { width: px * columns, height: px, role: "img", "aria-label": "examples" });
  if (sprite) canvas.getContext("2d").drawImage(sprite, 0, place * px, px * columns, px, 0, 0, px * columns, px);
  return canvas;
}

function classRow(found, sprite, place) {
  const cells = SPLITS.map((split) => h("td", { class: "num" }, count(found.per_class[split][place])));
  const name = found.class_names[place];
  const examples = h("td", {}, strip(sprite, found.thumbnails, place));
  return h("tr", {}, h("th", { scope: "row", title: name }, name), examples, cells);
}

async function picture(name) {
  const answer = await send(`/v1/datasets/${encodeURIComponent(name)}/thumbnails`);
  return createImageBitmap(await answer.blob());
}

async function open() {
  const name = decodeURIComponent(location.hash.slice(1));
  show(byId("detail"), false);
  if (!name) return;
  try {
    const address = `/v1/datasets/${encodeURIComponent(name)}`;
    const [found, sprite] = await Promise.all([get(address), picture(name)]);
    if (decodeURIComponent(location.hash.slice(1)) !== name) return; // another was chosen meanwhile
    setText(byId("name"), found.name);
    setText(byId("summary"), found.summary);
    byId("search").href = `/new?dataset=${encodeURIComponent(found.name)}`;
    byId("facts").replaceChildren(...facts(found));
    const none = h("li", { class: "quiet" }, "None found.");
    byId("problems").replaceChildren(...(found.problems.length ? found.problems.map(problem) : [none]));
    const titles = SPLITS.map((text) => h("th", { scope: "col", class: "num" }, text));
    const head = h("tr", {}, h("th", { scope: "col" }, "class"), h("th", { scope: "col" }, "examples"), titles);
    const rows = found.class_names.slice(0, SHOWN).map((_, place) => classRow(found, sprite, place));
    byId("classes").replaceChildren(h("thead", {}, head), h("tbody", {}, rows));
    const left = found.class_names.length - rows.length;
    setText(byId("rest"), left > 0 ? `and ${plural(left, "class", "classes")} more` : "");
    show(byId("detail"), true);
    alertText("");
  } catch (error) {
    alertText(explain(error));
  }
}

async function load() {
  try {
    const { items } = await get("/v1/datasets");
    byId("rows").replaceChildren(...items.map(row));
    alertText("");
  } catch (error) {
    alertText(explain(error));
  } finally {
    byId("datasets").setAttribute("aria-busy", "false");
  }
}

window.addEventListener("hashchange", open);
load();
open();
