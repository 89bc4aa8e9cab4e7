// The result in plain words, once a search is over.

import { get, Problem } from "./api.js";
import { renderControls } from "./controls.js";
import { byId, h, refill, setText, show } from "./dom.js";
import { coefficient, compact, count, percent, pixels, plural, times } from "./format.js";
import { baselineName } from "./summary.js";

const UNSURE = new Set(["nothing_learnt", "no_gain", "undecided"]); // no recommendation, or none that is sure
const SAYS = { diverged: "diverged", overfits: "overfits", noisy: "is noisy", underfits: "underfits" };

/** The canonical scaling config, or null where there is none (a cancelled search, say). */
async function config(path) {
  try {
    return await get(`${path}/export?format=json`);
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return null;
    throw error;
  }
}

export async function renderVerdict(path, search) {
  if (byId("verdict").dataset.done === search.state) return;
  const found = search.best ? await config(path) : null;
  const best = found?.winner ?? search.best;
  const unsure = UNSURE.has(search.conclusion?.kind);
  byId("verdict").classList.toggle("unsure", unsure);
  setText(byId("statement"), unsure || !best ? search.statement : statement(search, best));
  renderControls(search.controls);
  refill(byId("remarks"), [found, best], () => (best ? remarks(search, best, found, unsure) : advice(search)).map((text) => h("li", {}, text)));
  byId("verdict").dataset.done = search.state;
  show(byId("verdict"), true);
}

function statement(search, best) {
  const { alpha, beta, gamma, architecture, cost } = best;
  return (
    `Scale ${baselineName(search.spec)} by α ${coefficient(alpha)} (depth), β ${coefficient(beta)} (width) and ` +
    `γ ${coefficient(gamma)} (resolution): ${pixels(architecture.resolution)}, ${compact(cost.params)} parameters, ` +
    `${compact(cost.macs)} MACs, which is ${times(cost.macs_ratio)} the baseline. ` +
    `It classifies ${percent(best.accuracy)} of the validation images of ${search.spec.dataset} correctly` +
    `${interval(best)}.`
  );
}

function interval({ accuracy_ci95: ci, seeds }) {
  if (!ci) return " (one training; without repeats there is no interval)";
  return ` (mean of ${plural(seeds, "seed")}, 95 % interval ${percent(ci[0])} to ${percent(ci[1])})`;
}

/** What of the specification would help. */
const advice = (search) => (search.conclusion?.advice ?? []).map(({ pointer, value, message }) => `${pointer} ${JSON.stringify(value)}: ${message}.`);

function remarks(search, best, found, unsure) {
  const lines = unsure ? advice(search) : [search.statement]; // the front and the transfer are in the statement
  if (best.test_accuracy !== null && best.test_accuracy !== undefined)
    lines.push(`On the test split, which no choice was made on: ${percent(best.test_accuracy)}.`);
  if (search.importance) lines.push(importance(search.importance));
  if (found?.intervals) lines.push(`The very same network comes of ${ranges(found.intervals)}: finer digits mean nothing.`);
  if (best.diagnosis && best.diagnosis !== "fits") lines.push(`Its curves say that it ${SAYS[best.diagnosis]}: ${best.diagnosis_rule}.`);
  if (best.reference) lines.push("It is the reference network itself: the search found nothing better.");
  if (best.cost.receptive_field < best.architecture.resolution)
    lines.push(`Its receptive field, ${pixels(best.cost.receptive_field)}, is smaller than its input.`);
  if (search.state !== "succeeded") lines.push(`The search was ${search.state}: this is the best of the trials that finished.`);
  const tried = search.trials.completed + search.trials.cached;
  const feasible = search.plan?.catalogue?.feasible;
  lines.push(`${plural(tried, "network")} trained to the end${feasible ? ` of ${count(feasible)} that meet the target` : ""}.`);
  return lines;
}

const LETTERS = { alpha: "α (depth)", beta: "β (width)", gamma: "γ (resolution)" };

/** What each coefficient had to do with the accuracies. */
function importance(found) {
  if (found.explained === null) return `Which coefficient matters cannot be said: ${found.message}.`;
  const said = found.most ? `${LETTERS[found.most]} matters most` : "Which coefficient matters most cannot be said";
  const share = ({ share: value, ci95 }) => `${percent(value, 0)} (${ci95.map((end) => percent(end, 0)).join(" to ")})`;
  const parts = Object.entries(LETTERS).map(([name, letter]) => `${letter} ${share(found[name])}`);
  return `${said}: of the variance of the accuracies ${percent(found.explained, 0)} is explained, ${parts.join(", ")}.`;
}

function ranges(intervals) {
  const names = { alpha: "α", beta: "β", gamma: "γ" };
  return Object.entries(names)
    .filter(([name]) => intervals[name])
    .map(([name, letter]) => `${letter} ${intervals[name].map(coefficient).join(" to ")}`)
    .join(", ");
}
