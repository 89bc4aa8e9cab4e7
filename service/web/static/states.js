// The states of searches and trials: badge, order, and which are final.

import { h, setText } from "./dom.js";

export const FINAL = new Set(["succeeded", "failed", "cancelled"]);
export const TRIAL_STATES = [
  "queued", "running", "completed", "cached", "pruned", "infeasible", "failed", "quarantined", "cancelled",
];

/** A state as a coloured dot and its name. */
export function badge(state) {
  return h("span", { class: "badge", "data-state": state }, state);
}

/** A diagnosis in the same dress; the rule that gave it, if any, is its tooltip. */
export function diagnosis(label, rule) {
  return h("span", { class: "badge", "data-diagnosis": label, title: rule, tabindex: rule ? 0 : null, "aria-label": rule && `${label}: ${rule}` }, label);
}

export function setBadge(node, state) {
  if (node.dataset.state !== state) node.dataset.state = state;
  setText(node, state);
}

/** The word for the connection, in the page's corner. */
export function setLink(node, state, detail) {
  const words = { connecting: "Connecting…", live: "Live", waiting: "Connection lost; trying again", closed: detail || "" };
  node.dataset.state = state;
  setText(node, words[state] ?? "");
}
