// The head of a search's page: name, state, progress, trials by state, time left.

import { byId, h, keyed, setText, show } from "./dom.js";
import { ago, compact, count, dateTime, duration, percent, plural, times } from "./format.js";
import { FINAL, setBadge, TRIAL_STATES } from "./states.js";

const METRICS = { macs: "MACs", params: "parameters", activations: "activations", product: "nominal cost", latency_ms: "latency", weight_bytes: "bytes of weights", memory_bytes: "bytes of training memory" };

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

/** What a search aims at: a ratio, an absolute cost, or a ceiling. */
function aim({ metric, ratio, value, at_most: most, at_least_share: share, tolerance }) {
  const name = METRICS[metric] ?? metric;
  if (most != null) return `${name} at most ${compact(most)}, at least ${percent(share, 0)} of that`;
  if (value != null) return `${compact(value)} ${name} ± ${percent(tolerance, 0)}`;
  return `${times(ratio)} the ${name} ± ${percent(tolerance, 0)}`;
}

function about({ spec, created_at: created }) {
  const limits = (spec.limits ?? []).map((limit) => `${METRICS[limit.metric] ?? limit.metric} ≤ ${compact(limit.at_most)}`);
  const target = [aim(spec.target), ...limits].join(", ");
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
