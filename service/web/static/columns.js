// The columns of the leaderboard: what each shows, and by which name the API sorts it.

import { h, s } from "./dom.js";
import { chain, coefficient, compact, count, milliseconds, percent, pixels, times } from "./format.js";
import { badge, diagnosis } from "./states.js";

const BAR = { width: 84, height: 14 };

/** The range of accuracies that the interval bars share; null without any. */
export function scaleOf(trials) {
  const ends = trials.flatMap(({ accuracy, accuracy_ci95: ci }) => (accuracy === null ? [] : [accuracy, ...(ci ?? [])]));
  if (!ends.length) return null;
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const margin = Math.max((high - low) * 0.06, 0.002);
  return [Math.max(0, low - margin), Math.min(1, high + margin)];
}

/** The interval as a line with the mean as a dot, on the shared scale. */
function bar({ accuracy, accuracy_ci95: ci }, [low, high]) {
  const { width, height } = BAR;
  const at = (value) => (4 + ((value - low) / (high - low)) * (width - 8)).toFixed(1);
  const middle = height / 2;
  const label = ci ? `95 % interval ${percent(ci[0])} to ${percent(ci[1])}` : "one training, no interval";
  return s(
    "svg",
    { class: "interval", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    s("title", {}, label),
    s("line", { class: "track", x1: 4, x2: width - 4, y1: middle, y2: middle }),
    ci && s("line", { class: "range", x1: at(ci[0]), x2: at(ci[1]), y1: middle, y2: middle }),
    s("circle", { class: ci ? "mean" : "single", cx: at(accuracy), cy: middle, r: 3.2 }),
  );
}

function accuracy(trial, { scale }) {
  return h("span", { class: "accuracy" }, scale && trial.accuracy !== null && bar(trial, scale), percent(trial.accuracy));
}

function resolution({ architecture, cost }) {
  const starved = cost.receptive_field < architecture.resolution;
  const hint = `The receptive field (${pixels(cost.receptive_field)}) is smaller than the input: each output sees only a part of it.`;
  return [
    pixels(architecture.resolution),
    h("span", { class: "quiet" }, ` / ${count(cost.receptive_field)}`),
    starved && h("span", { class: "warn", role: "img", "aria-label": hint, title: hint }, "⚠"),
  ];
}

function name(trial, { open }) {
  const button = h("button", { type: "button", class: "plain link", onclick: () => open(trial.number) }, String(trial.number));
  button.setAttribute("aria-label", `Trial ${trial.number}, details`);
  const note = trial.reference_note || "The paper's coefficients.";
  return [
    button,
    trial.reference && h("span", { class: "tag", title: note }, "reference"),
    trial.finalist && h("span", { class: "tag soft", title: "Trained again on common seeds" }, "finalist"),
    trial.control && h("span", { class: "tag soft", title: "A simple choice that the answer is compared with" }, "control"),
    trial.probe && h("span", { class: "tag soft", title: "A finalist's coefficients at another φ" }, `φ ${trial.phi}`),
    trial.chosen && h("span", { class: "tag", title: "The network that the search names" }, "chosen"),
    trial.ties && h("span", { class: "tag tie", title: "Not separable from rank 1 at 95 %" }, "tie"),
  ];
}

const plain = (key, label, hint, value, first = `-${key}`) => ({ label, hint, sort: key, first, number: true, value });

// value: what the cell depends on (and shows, unless `render` makes more of it); first: the order of the first click
export const columns = [
  {
    label: "Rank", sort: "", first: "", number: true, value: ({ rank }) => (rank ? String(rank) : "–"),
    hint: "Finalists by their mean over seeds, then single trainings, then pruned ones",
  },
  {
    label: "Trial", header: true, sort: "number", first: "number", render: name,
    value: ({ number, reference, finalist, ties, probe, control, chosen }) => [number, reference, finalist, ties, probe, control, chosen],
  },
  {
    label: "Accuracy", sort: "accuracy", first: "-accuracy", number: true, render: accuracy,
    hint: "Validation, after the epoch that the recipe selects; the line is the 95 % interval of the mean over seeds",
    value: (trial, scale) => [trial.accuracy, trial.accuracy_ci95, scale],
  },
  { label: "Seeds", hint: "Trainings that the accuracy is the mean of", number: true, value: ({ seeds }) => count(seeds) },
  { label: "State", render: ({ state }) => badge(state), value: ({ state }) => [state] },
  {
    label: "Diagnosis", hint: "What the curves of training and validation say; the rule is in the tooltip and the details",
    render: ({ diagnosis: label, diagnosis_rule: rule }) => (label ? diagnosis(label, rule) : "–"),
    value: ({ diagnosis: label, diagnosis_rule: rule }) => [label, rule],
  },
  plain("alpha", "α", "Depth coefficient", ({ alpha }) => coefficient(alpha), "alpha"),
  plain("beta", "β", "Width coefficient", ({ beta }) => coefficient(beta), "beta"),
  plain("gamma", "γ", "Resolution coefficient", ({ gamma }) => coefficient(gamma), "gamma"),
  {
    label: "Resolution / field", hint: "Input size and receptive field, in pixels", sort: "resolution", first: "-resolution", number: true,
    render: resolution, value: ({ architecture, cost }) => [architecture.resolution, cost.receptive_field],
  },
  plain("params", "Params", "Parameters", ({ cost }) => compact(cost.params), "params"),
  plain("macs", "MACs", "Multiply-adds, relative to the baseline", ({ cost }) => times(cost.macs_ratio), "macs"),
  plain("latency_ms", "Latency", "One image, as measured by a worker", ({ cost }) => milliseconds(cost.latency_ms), "latency_ms"),
  { label: "Depths", hint: "Blocks a stage", value: ({ architecture }) => chain(architecture.depths) },
  { label: "Widths", hint: "Channels a stage", value: ({ architecture }) => chain(architecture.widths) },
];
