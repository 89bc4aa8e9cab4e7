// Training and validation of one run, epoch by epoch: accuracy with the gap between the two shaded, and the loss.

import { h, s } from "./dom.js";
import { count, percent } from "./format.js";

const FRAME = { width: 320, height: 130, pad: 6 };
const ACCURACY = { title: "Accuracy", train: "train_accuracy", validation: "validation_accuracy", text: (value) => percent(value, 1) };
const LOSS = { title: "Loss", train: "train_loss", validation: "validation_loss", text: (value) => value.toFixed(3) };

/** Both panels; null for less than two epochs. `bestEpoch` is marked. */
export function curves(history, bestEpoch) {
  if (history.length < 2) return null;
  return h("div", { class: "curves" }, panel(history, ACCURACY, bestEpoch, gapOf(history)), panel(history, LOSS, bestEpoch, null));
}

/** "gap +1.9 points": training minus validation accuracy after the last epoch. */
function gapOf(history) {
  const { train_accuracy: train, validation_accuracy: validation } = history.at(-1);
  const points = 100 * (train - validation);
  return `gap at the end ${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)} points`;
}

function panel(history, { title, train, validation, text }, bestEpoch, gap) {
  const { width, height, pad } = FRAME;
  const values = history.flatMap((row) => [row[train], row[validation]]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (at) => (pad + (at / (history.length - 1)) * (width - 2 * pad)).toFixed(1);
  const y = (value) => (height - pad - ((value - low) / (high - low || 1)) * (height - 2 * pad)).toFixed(1);
  const points = (name) => history.map((row, at) => `${x(at)},${y(row[name])}`);
  const best = history.findIndex(({ epoch }) => epoch === bestEpoch);
  const range = `${text(low)} to ${text(high)} over ${count(history.length)} epochs`;
  const label = [`${title} from ${range}; solid: validation, dashed: training`, gap, best >= 0 && `dotted: the best epoch, ${bestEpoch}`];
  const more = gap ? [gap, best >= 0 && `best epoch ${bestEpoch}`] : ["solid: validation", "dashed: training"];
  const caption = [range, ...more].filter(Boolean).join(" · ");
  return h(
    "figure",
    { class: "curve" },
    h("figcaption", {}, h("strong", {}, title), h("span", { class: "quiet" }, ` ${caption}`)),
    s(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label.filter(Boolean).join("; ") },
      gap && s("polygon", { class: "gap", points: [...points(train), ...points(validation).reverse()].join(" ") }),
      best >= 0 && s("line", { class: "best", x1: x(best), x2: x(best), y1: 0, y2: height }),
      s("polyline", { class: "train", points: points(train).join(" ") }),
      s("polyline", { class: "validation", points: points(validation).join(" ") }),
    ),
  );
}
