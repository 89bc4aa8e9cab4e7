// One trial in a dialog: its network, its runs, their epochs and attempts. The address keeps it: #trial-7.

import { explain, get } from "./api.js";
import { curves } from "./curve.js";
import { byId, h, setText } from "./dom.js";
import { chain, coefficient, compact, count, dateTime, duration, milliseconds, percent, pixels, plural, time, times } from "./format.js";
import { badge, diagnosis } from "./states.js";

const TRAININGS = { search: "Search training", final: "Final training", probe: "Probe at another φ" };
const HASH = /^#trial-(\d+)$/;
let base = "";
let shown = null;

export function trialDialog(path) {
  base = path;
  const dialog = byId("trial-dialog");
  byId("trial-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    shown = null;
    if (!HASH.test(location.hash)) return; // closed by Back
    if (history.state?.opened) history.back();
    else history.replaceState(null, "", location.pathname + location.search);
  });
  const follow = () => {
    const found = HASH.exec(location.hash);
    if (!found) dialog.close();
    else if (shown !== Number(found[1])) showTrial(Number(found[1]));
  };
  addEventListener("popstate", follow);
  follow();
}

/** A step of its own in the browser's history: Back closes the dialog, Forward opens it again. */
export function openTrial(number) {
  if (shown === number) return;
  if (shown === null) history.pushState({ opened: true }, "", `#trial-${number}`);
  else history.replaceState(history.state, "", `#trial-${number}`);
  showTrial(number);
}

async function showTrial(number) {
  shown = number;
  const [dialog, body] = [byId("trial-dialog"), byId("trial-body")];
  setText(byId("trial-title"), `Trial ${number}`);
  body.replaceChildren(h("p", { class: "quiet" }, "Loading…"));
  if (!dialog.open) dialog.showModal();
  try {
    const trial = await get(`${base}/trials/${number}`);
    if (shown === number) body.replaceChildren(...content(trial));
  } catch (error) {
    body.replaceChildren(h("p", { class: "error" }, explain(error)));
  }
}

function content(trial) {
  return [
    h("p", { class: "row" }, badge(trial.state), trial.reference && h("span", { class: "tag" }, "reference"), trial.finalist && h("span", { class: "tag soft" }, "finalist")),
    trial.reference_note && h("p", { class: "quiet" }, trial.reference_note),
    (trial.message || trial.reason) && h("p", { class: "reason" }, trial.message || trial.reason),
    verdict(trial.diagnosis, trial.diagnosis_rule),
    facts(trial),
    ...trial.runs.map((entry) => run(entry, trial.runs.length > 1)),
    trial.runs.length === 0 && h("p", { class: "quiet" }, "It has not been trained yet."),
  ].filter(Boolean);
}

/** What the curves say, and why. */
const verdict = (label, rule) => label && h("p", { class: "diagnosis" }, diagnosis(label, null), h("span", { class: "quiet" }, rule));

function facts({ architecture, cost, ...trial }) {
  const rows = [
    ["Coefficients", `α ${coefficient(trial.alpha)} · β ${coefficient(trial.beta)} · γ ${coefficient(trial.gamma)} · φ ${coefficient(trial.phi)}`],
    ["Accuracy", accuracyText(trial)],
    ["By class", classesText(trial)],
    ["Recall of each class", recallText(trial)],
    ["Last and best", epochsText(trial)],
    ["Test accuracy", trial.test_accuracy === null || trial.test_accuracy === undefined ? null : percent(trial.test_accuracy)],
    ["Gap", trial.generalization_gap === null ? null : `${percent(trial.generalization_gap)} (training minus validation, last epoch)`],
    ["Regularization", `dropout ${coefficient(architecture.dropout)} · stochastic depth ${coefficient(architecture.drop_path)}`],
    ["Depths", chain(architecture.depths)],
    ["Widths", `${chain(architecture.widths)} (stem ${count(architecture.stem)}, head ${count(architecture.head)})`],
    ["Input", `${pixels(architecture.resolution)}; receptive field ${pixels(cost.receptive_field)}`],
    ["Cost", `${count(cost.params)} parameters · ${compact(cost.macs)} MACs (${times(cost.macs_ratio)}) · ${compact(cost.activations)} activations`],
    ["Measured", measuredText(cost)],
    ["Training time", duration(trial.device_seconds)],
    ["Compiling", compilingText(trial)],
    ["Trained before", trial.cached_from ? `as ${trial.cached_from} (search, trial, seed)` : null],
    ["Key", architecture.key],
  ];
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value !== null).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** What the worker measured; null for nothing. */
function measuredText({ latency_ms: latency, images_per_second: rate, peak_memory_bytes: memory }) {
  const told = [
    latency !== null && `${milliseconds(latency)} for one image`,
    rate !== null && `${count(rate)} images/s in training`,
    memory !== null && `${compact(memory)}B of memory at most`,
  ].filter(Boolean);
  return told.join(" · ") || null;
}

/** What the programs took, and how many of them a cache had. */
function compilingText({ compile_seconds: seconds, compiled_ahead_seconds: ahead, programs_compiled: compiled, programs_cached: cached }) {
  const told = [
    compiled && `${plural(compiled, "program")} compiled`,
    cached && `${plural(cached, "program")} from the cache`,
    ahead && `${duration(ahead)} more ahead of the training`,
  ].filter(Boolean);
  return `${duration(seconds)} (${told.join(", ") || "nothing to compile"})`;
}

function accuracyText({ accuracy, accuracy_ci95: ci, seeds }) {
  if (accuracy === null) return "none yet";
  return ci ? `${percent(accuracy)} (95 % ${percent(ci[0])} to ${percent(ci[1])}, ${count(seeds)} seeds)` : `${percent(accuracy)} (one training)`;
}

const SHOWN_CLASSES = 20;

/** Figures that rare classes count in as much as common ones; the one that the search is decided by with its interval. */
function classesText({ balanced_accuracy: balanced, macro_f1: f1, metric, score_ci95: ci }) {
  if (balanced === null || balanced === undefined) return null;
  const interval = (name) => (ci && metric === name ? ` (95 % ${percent(ci[0])} to ${percent(ci[1])})` : "");
  return `balanced accuracy ${percent(balanced)}${interval("balanced_accuracy")}, macro F1 ${percent(f1)}${interval("macro_f1")}`;
}

function recallText({ per_class_recall: recalls }) {
  if (!recalls) return null;
  const shown = recalls.slice(0, SHOWN_CLASSES).map((recall) => (recall === null ? "–" : percent(recall))).join(" · ");
  return recalls.length > SHOWN_CLASSES ? `${shown} and ${count(recalls.length - SHOWN_CLASSES)} more` : shown;
}

/** Both accuracies, and which of them counts. */
function epochsText({ selection, last_accuracy: last, best_accuracy: best, best_epoch: epoch, epochs, stopped_early: early, seeds }) {
  if (!epoch) return null;
  const means = seeds > 1 ? " (means; the median epoch)" : "";
  const stopped = early ? ", where it ran out of patience" : "";
  return `${percent(last)} after the last epoch, ${epochs}${stopped}; ${percent(best)} after the best, ${epoch}${means}; the ${selection} counts`;
}

function startText({ taken, grown, drawn, warnings, sha256 }) {
  const told = `Started from weights ${sha256.slice(0, 12)}…: ${plural(taken, "array")} taken, ${count(grown)} grown, ${count(drawn)} drawn.`;
  return [told, ...warnings].join(" ");
}

function run(entry, isOneOfMany) {
  const title = `${TRAININGS[entry.role]}, seed ${entry.seed}`;
  return h(
    "section",
    { class: "run" },
    h("div", { class: "row baseline" }, h("h3", { class: "grow" }, title), badge(entry.state), h("strong", { class: "figures" }, percent(entry.accuracy))),
    (entry.message || entry.reason) && h("p", { class: "reason" }, entry.message || entry.reason),
    isOneOfMany && entry.diagnosis && verdict(entry.diagnosis.label, entry.diagnosis.rule),
    entry.packed > 1 && h("p", { class: "quiet" }, `One of ${count(entry.packed)} seeds that were trained as one program; its times are an equal share.`),
    entry.started_from && h("p", { class: "quiet" }, startText(entry.started_from)),
    curves(entry.history, entry.best_epoch),
    entry.history.length > 0 && epochs(entry),
    attempts(entry.attempts),
  );
}

function epochs({ history }) {
  const head = ["Epoch", "Validation", "Training", "Gap", "Validation loss", "Training loss", "Time", "Images/s"];
  const rows = history.map((row) => [
    String(row.epoch), percent(row.validation_accuracy), percent(row.train_accuracy), percent(row.train_accuracy - row.validation_accuracy),
    row.validation_loss.toFixed(4), row.train_loss.toFixed(4), duration(row.seconds), count(row.images_per_second),
  ]);
  return h("details", {}, h("summary", {}, `${history.length} epochs`), table(head, rows));
}

function attempts(entries) {
  if (!entries.length) return null;
  const head = ["Attempt", "Worker", "Began", "Ended", "Outcome"];
  const rows = entries.map((entry, at) => [
    String(at + 1), entry.worker, dateTime(entry.started_at), entry.ended_at ? time(entry.ended_at) : "–", entry.outcome ?? "running",
  ]);
  return h("details", {}, h("summary", {}, entries.length === 1 ? "1 attempt" : `${entries.length} attempts`), table(head, rows));
}

function table(head, rows) {
  return h(
    "div",
    { class: "scroll", role: "region", tabindex: 0, "aria-label": head[0] },
    h("table", {}, h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((text) => h("td", {}, text)))))),
  );
}
