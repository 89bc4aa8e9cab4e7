// The head of a search's page: name, state, progress, trials by state, time left.

import { byId, h, keyed, setText, show } from "./dom.js";
import { ago, count, dateTime, duration, percent, plural, times } from "./format.js";
import { FINAL, setBadge, TRIAL_STATES } from "./states.js";

const METRICS = { macs: "MACs", params: "parameters", activations: "activations", product: "nominal cost", latency_ms: "latency" };

/** "efficientnet-nano", or the name of an inline table. */
export const baselineName = ({ baseline }) => (typeof baseline === "string" ? baseline : baseline.name || "custom table");

export function renderSearch(search) {
  const name = search.name || `Search ${search.id}`;
  setText(byId("name"), name);
  document.title = `${name} · effscale`;
  about(search);
  setBadge(byId("state"), search.state);
  progress(search);
  counts(search.trials);
  buttons(search.state);
  const reason = search.message || search.reason || "";
  setText(byId("reason"), reason);
  show(byId("reason"), reason !== "" && search.state !== "succeeded");
}

function about({ spec, created_at: created }) {
  const { metric, ratio, tolerance } = spec.target;
  const target = `${times(ratio)} the ${METRICS[metric] ?? metric} ± ${percent(tolerance, 0)}`;
  const aims = spec.objectives?.length > 1 ? [`objectives: ${spec.objectives.join(", ")}`] : [];
  const parts = [baselineName(spec), `${target}`, ...aims, `φ ${spec.phi}`, `data: ${spec.dataset}`, `created ${ago(created)}`];
  setText(byId("about"), parts.join(" · "));
  byId("about").title = dateTime(created);
}

function progress(search) {
  const bar = byId("progress");
  if (bar.value !== search.progress) bar.value = search.progress;
  bar.dataset.state = search.state;
  const { finished, planned } = search.runs;
  setText(byId("progress-text"), `${percent(search.progress, 0)} · ${count(finished)} of ${plural(planned, "training")}`);
  const left = search.estimated_seconds_left;
  const knows = !FINAL.has(search.state) && left !== null && left !== undefined;
  setText(byId("time-left"), knows ? `about ${duration(left)} left` : "");
  setText(byId("device-time"), search.device_seconds ? `${duration(search.device_seconds)} of training` : "");
}

function counts(trials) {
  const rows = TRIAL_STATES.filter((state) => trials[state]).map((state) => [state, trials[state]]);
  const make = ([state]) => h("li", { class: "badge", "data-state": state });
  keyed(byId("counts"), rows, ([state]) => state, make, (node, [state, n]) => setText(node, `${count(n)} ${state}`));
}

function buttons(state) {
  show(byId("pause"), state === "queued" || state === "running");
  show(byId("resume"), state === "paused");
  show(byId("cancel"), !FINAL.has(state));
}
