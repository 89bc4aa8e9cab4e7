// Is scaling worth it? The answer of a search beside the simple choices, with the interval of each difference.

import { byId, h, refill, s, show } from "./dom.js";
import { percent, times } from "./format.js";

const TITLES = {
  baseline: "Unscaled baseline",
  depth: "Depth alone",
  width: "Width alone",
  resolution: "Resolution alone",
  equal: "Equal shares",
  paper: "The paper's coefficients",
};
const WIDTH = 240; // of a picture, in its own units
const HEIGHT = 20;
const EDGE = 6; // units that are left free on both sides

/** +1.8 */
const signed = (points) => `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;

export function renderControls(controls) {
  const rows = controls ?? [];
  show(byId("controls"), rows.length > 0);
  if (!rows.length) return;
  const ends = rows.flatMap(({ difference }) => (difference ? difference.ci95 : []));
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const x = (points) => EDGE + ((points - low) / (high - low || 1)) * (WIDTH - 2 * EDGE);
  refill(byId("controls-rows"), rows, () => rows.map((row) => line(row, x)));
}

function line({ name, state, reason, same_as: same, ratio, within_target: within, accuracy, difference }, x) {
  const notes = [same !== null && `trial ${same}`, reason, !within && !reason && "not within the target", accuracy === null && !reason && state];
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, TITLES[name] ?? name, h("span", { class: "quiet" }, notes.filter(Boolean).map((note) => ` · ${note}`))),
    h("td", { class: "number" }, times(ratio)),
    h("td", { class: "number" }, percent(accuracy)),
    h("td", { class: "difference" }, difference ? [text(difference), picture(difference, x)] : "–"),
  );
}

function text({ points, ci95: [low, high] }) {
  return h("span", { class: "number" }, `${signed(points)} points (${signed(low)} to ${signed(high)})`);
}

function picture({ points, ci95: [low, high] }, x) {
  const kind = low > 0 ? "better" : high < 0 ? "worse" : "level";
  const middle = HEIGHT / 2;
  return s(
    "svg",
    { class: `interval ${kind}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    s("line", { class: "zero", x1: x(0), x2: x(0), y1: 0, y2: HEIGHT }),
    s("line", { class: "range", x1: x(low), x2: x(high), y1: middle, y2: middle }),
    s("circle", { cx: x(points), cy: middle, r: 4 }),
  );
}
