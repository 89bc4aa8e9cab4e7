// The plan beside the form: how many networks there are, what they cost, how long it takes, what to beware of.

import { byId, h, refill, setText } from "./dom.js";
import { compact, count, duration, plural, times } from "./format.js";

const range = ([low, high], format) => (format(low) === format(high) ? format(low) : `${format(low)} – ${format(high)}`);

/** A plan of the API; null while there is none. */
export function renderPlan(plan) {
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
  refill(byId("plan-suggestions"), suggestions, () => suggestions.map(({ message }) => h("li", {}, message)));
  refill(byId("plan-warnings"), warnings, () => warnings.map(({ message }) => h("li", {}, message)));
}

function facts({ programs, device_seconds: seconds, runs, latency_table: table }, cost) {
  return [
    ["Training time", `≈ ${duration(seconds.estimate)}`],
    ["at best, at worst", `${duration(seconds.low)}, ${duration(seconds.high)}`],
    ["Learned from", seconds.measured ? plural(seconds.measured, "training") : "nothing yet: a guess"],
    ["Trainings", runs ? `${count(runs.search)} + ${count(runs.final)} finals${runs.probe ? ` + ${count(runs.probe)} probes` : ""}` : null],
    ["MACs", range(cost.macs_ratio, times)],
    ["Parameters", range(cost.params, compact)],
    ["Activations", range(cost.activations, compact)],
    ["Latency", cost.latency_ms ? `${range(cost.latency_ms, compact)} ms` : null],
    ["Measured networks", table ? `${count(table.networks)}, by ${count(table.used)} of ${plural(table.rows, "row")}` : null],
    ["Programs to compile", count(programs)],
  ].filter(([, value]) => value !== null);
}
