// The form for a new search: the plan is asked for as you type, errors stand beside the field they speak of.

import { explain, get, post, Problem } from "./api.js";
import { byId, h, setText } from "./dom.js";
import { settled } from "./pace.js";
import { clearErrors, showErrors } from "./errors.js";
import { renderPlan } from "./plan.js";
import { beside, Unreadable, fillForm, fillRecipe, hasField, readForm, setField, TABLE } from "./spec.js";

const DEBOUNCE_MS = 350;
const [form, baseline, table] = [byId("form"), byId("f-baseline"), byId("table")];
let asked = new AbortController();
let baselines = new Map();
let summaries = new Map();
let sending = { body: "", key: "" };
let carried = [];

function spec() {
  clearErrors();
  try {
    const document = readForm(form, carried);
    setText(byId("spec"), JSON.stringify(document, null, 2));
    return document;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    showErrors([{ pointer: error.pointer, message: error.message }], "");
    return null;
  }
}

async function plan() {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  const document = spec();
  if (!document) return renderPlan(null);
  byId("plan").setAttribute("aria-busy", "true");
  try {
    const answer = await post("/v1/plans", document, { signal });
    if (!signal.aborted) renderPlan(answer, change);
  } catch (error) {
    if (signal.aborted) return undefined;
    renderPlan(null);
    report(error);
  }
  return undefined;
}

/** What a notice of the plan would have changed. */
const change = {
  has: ({ pointer }) => hasField(form, pointer),
  set({ pointer, value }) {
    setField(form, pointer, value);
    plan();
  },
};

function report(error) {
  if (error instanceof Problem && error.errors.length) showErrors(error.errors, error.message);
  else showErrors([], explain(error));
}

/** The same key for the same search, so that a second click, or one after a lost answer, starts nothing new. */
function idempotencyKey(body) {
  if (sending.body !== body) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    sending = { body, key: [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
  }
  return sending.key;
}

async function submit(event) {
  event.preventDefault();
  const document = spec();
  if (!document) return focusError();
  const button = byId("submit");
  button.disabled = true;
  try {
    const headers = { "Idempotency-Key": idempotencyKey(JSON.stringify(document)) };
    const search = await post("/v1/searches", document, { headers });
    location.assign(`/searches/${encodeURIComponent(search.id)}`);
  } catch (error) {
    button.disabled = false;
    report(error);
    focusError();
  }
  return undefined;
}

function focusError() {
  const bad = form.querySelector("[aria-invalid=true]");
  bad?.closest("details")?.setAttribute("open", "");
  bad?.focus();
}

const option = (value, text = value) => h("option", { value }, text);

async function choices() {
  const [sets, nets, files] = await Promise.all([get("/v1/datasets"), get("/v1/baselines"), get("/v1/weights")]);
  baselines = new Map(nets.items.map((item) => [item.name, item]));
  byId("f-start-weights").append(...files.items.map(({ name }) => option(name)));
  byId("f-dataset").replaceChildren(...sets.items.map(({ name }) => option(name)));
  baseline.replaceChildren(...nets.items.map(({ name }) => option(name)), option(TABLE, "a stage table of my own…"));
  summaries = new Map([...sets.items, ...nets.items].map(({ name, summary }) => [name, summary]));
  // small images and a network made for them: what a first search on a laptop wants
  if (baselines.has("efficientnet-nano")) baseline.value = "efficientnet-nano";
}

/** Under each list stands what is chosen there. */
function describe() {
  for (const name of ["dataset", "baseline"]) {
    const text = summaries.get(byId(`f-${name}`).value);
    if (text) setText(byId(`f-${name}-help`), text);
  }
}

function toggleTable() {
  describe();
  const own = baseline.value === TABLE;
  table.hidden = !own;
  if (own && !table.value) {
    const { cost, ...first } = baselines.values().next().value ?? {};
    table.value = JSON.stringify({ ...first, name: "my-network", summary: "" }, null, 1);
  }
}

/** A copy brings along what has no field, and says so. */
function carry(found) {
  const words = JSON.parse(form.dataset.carried);
  carried = beside(found, Object.keys(words));
  setText(byId("carried-what"), carried.map(([pointer, value]) => words[pointer].replace("{}", value.length)).join(", "));
  byId("carried").hidden = carried.length === 0;
}

async function begin() {
  try {
    await choices();
    const [from, dataset] = ["from", "dataset"].map((name) => new URLSearchParams(location.search).get(name));
    if ([...byId("f-dataset").options].some(({ value }) => value === dataset)) byId("f-dataset").value = dataset;
    if (from) {
      const search = await get(`/v1/searches/${encodeURIComponent(from)}`);
      fillForm(form, search.spec);
      carry(search.spec);
    }
  } catch (error) {
    showErrors([], explain(error));
    return;
  }
  toggleTable();
  plan();
}

const soon = settled(plan, DEBOUNCE_MS);
form.addEventListener("input", soon);
baseline.addEventListener("change", toggleTable);
byId("f-recipe-preset").addEventListener("change", ({ target }) => {
  const chosen = JSON.parse(target.dataset.presets)[target.value];
  if (chosen) fillRecipe(form, chosen);
  soon();
});
byId("f-dataset").addEventListener("change", describe);
form.addEventListener("submit", submit);
byId("carried-drop").addEventListener("click", () => {
  carry({});
  plan();
});
begin();
