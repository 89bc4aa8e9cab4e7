// The plan beside the form: how many networks there are, what they cost, how long it takes, what to beware of.

import { byId, h, refill, setText } from "./dom.js";
import { compact, count, duration, plural, times } from "./format.js";

const range = ([low, high], format) => (format(low) === format(high) ? format(low) : `${format(low)} – ${format(high)}`);

/** A plan of the API; null while there is none. `change` says of a remedy whether the form has its field, and sets it. */
export function renderPlan(plan, change = { has: () => false }) {
  const box = byId("plan");
  box.setAttribute("aria-busy", "false");
  box.classList.toggle("none", plan === null);
  if (plan === null) {
    setText(byId("plan-feasible"), "–");
    setText(byId("plan-distinct"), "distinct networks meet the target");
    refill(byId("plan-facts"), null, () => []);
    refill(byId("plan-suggestions"), null, () => []);
    refill(byId("plan-warnings"), null, () => []);
    return;
  }
  const { catalogue, cost, warnings, suggestions = [] } = plan;
  setText(byId("plan-feasible"), count(catalogue.feasible));
  setText(byId("plan-distinct"), `of ${count(catalogue.distinct)} distinct networks meet the target`);
  const rows = facts(plan, cost);
  refill(byId("plan-facts"), rows, () => rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  refill(byId("plan-suggestions"), suggestions, () => suggestions.map((one) => h("li", {}, one.message, apply(one, change))));
  refill(byId("plan-warnings"), warnings, () => warnings.map((one) => notice(one, change)));
}

const notice = ({ message, severity = "warning", remedy }, change) =>
  h("li", { class: severity }, h("b", {}, severity === "note" ? "Note" : "Warning"), ` ${message}`, apply(remedy, change));

/** The button that puts a value into the form; nothing where there is none, or no field for it. */
function apply(remedy, change) {
  if (!remedy || !change.has(remedy)) return "";
  const field = remedy.pointer.slice(1).replaceAll("/", ".");
  const words = `${field} ${JSON.stringify(remedy.value)}`;
  const button = h("button", { type: "button", "aria-label": `Apply ${words}` }, `Apply: ${words}`);
  button.addEventListener("click", () => change.set(remedy));
  return button;
}

/** Trainings beside the search: "4 controls", "2 probes". */
const aside = ({ control = 0, probe = 0 }) => [[control, "controls"], [probe, "probes"]].filter(([n]) => n).map(([n, name]) => `${count(n)} ${name}`);

function facts({ programs, device_seconds: seconds, runs, latency_table: table, trained_to_end: trained, limits = [] }, cost) {
  return [
    ["Training time", `≈ ${duration(seconds.estimate)}`],
    ["at best, at worst", `${duration(seconds.low)}, ${duration(seconds.high)}`],
    ["Learned from", seconds.measured ? plural(seconds.measured, "training") : "nothing yet: a guess"],
    ["Trainings", runs ? [count(runs.search), `${count(runs.final)} finals`, ...aside(runs)].join(" + ") : null],
    ["Trained to the end", trained && trained.about < runs.search ? `≈ ${count(trained.about)} of ${count(runs.search)}` : null],
    ["MACs", range(cost.macs_ratio, times)],
    ["Parameters", range(cost.params, compact)],
    ["Activations", range(cost.activations, compact)],
    ["Latency", cost.latency_ms ? `${range(cost.latency_ms, compact)} ms` : null],
    ["Measured networks", table ? `${count(table.networks)}, by ${count(table.used)} of ${plural(table.rows, "row")}` : null],
    ...limits.map((limit) => [`${limit.metric} ≤ ${compact(limit.at_most)}`, `removes ${count(limit.removes)} of ${count(limit.of)}`]),
    ["Programs to compile", count(programs)],
  ].filter(([, value]) => value !== null);
}
