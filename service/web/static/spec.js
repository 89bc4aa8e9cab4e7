// Between the form and the SearchSpec. A control's name is its JSON pointer; an empty control leaves the default.

export const TABLE = " own table"; // no baseline's name begins with a space

/** A control holds what cannot be sent. */
export class Unreadable extends Error {
  constructor(pointer, message) {
    super(message);
    this.pointer = pointer;
  }
}

function parse(control) {
  const { name, value, dataset } = control;
  if (dataset.kind === "number" || dataset.kind === "integer") {
    if (control.validity.badInput) throw new Unreadable(name, "This is not a number.");
    return value === "" ? undefined : Number(value);
  }
  if (dataset.kind === "labels") return labels(name, value);
  if (dataset.kind === "limits") return limits(name, value);
  if (dataset.kind === "lines") return value.split(/\s+/).filter(Boolean);
  if (dataset.kind === "objectives") return value.split(",").map((word) => word.trim()).filter(Boolean);
  if (dataset.kind === "boolean") return control.checked;
  if (dataset.kind === "rate") return rate(name, value.trim());
  if (dataset.kind === "controls") return named(value.trim());
  if (dataset.kind === "weights-by-class") return classWeights(name, value.trim());
  if (dataset.kind === "choice" || dataset.kind === "preset") return value === "" ? undefined : value;
  return value;
}

/** A number, or a rule such as {"base": 0.2, "per_doubling": 0.05}. */
function rate(pointer, text) {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreadable(pointer, 'Write a number, or a rule as JSON: {"base": 0.2, "per_doubling": 0.05}.');
  }
}

/** Controls: all, none, or their names between commas. */
function named(text) {
  if (text === "all") return true;
  return text === "none" || text === "" ? false : text.split(",").map((word) => word.trim()).filter(Boolean);
}

/** "balanced", or a number for each class as JSON: [1, 5]. */
function classWeights(pointer, text) {
  if (text === "" || text === "balanced") return text || undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreadable(pointer, "Write balanced, or a list with a number for each class: [1, 5].");
  }
}

function labels(pointer, text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=");
      if (at < 1) throw new Unreadable(pointer, `"${line}" has no "=": write key=value.`);
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

/** One `metric=number` a line; one with a table of measured latencies stands there as JSON. */
function limits(pointer, text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    if (line.startsWith("{")) return rate(pointer, line);
    const [, metric, most] = /^(\w+)\s*(?:=|<=|≤)\s*(\S+)$/.exec(line) ?? [];
    if (!metric || Number.isNaN(Number(most))) throw new Unreadable(pointer, `"${line}" is no limit: write metric=number.`);
    return { metric, at_most: Number(most) };
  });
}

function stageTable(form) {
  try {
    return JSON.parse(form.querySelector("[data-kind=table]").value);
  } catch (error) {
    throw new Unreadable("/baseline", `The stage table is not JSON: ${error.message}`);
  }
}

const stepsOf = (pointer) => pointer.split("/").slice(1);

const valueAt = (spec, pointer) => stepsOf(pointer).reduce((part, step) => part?.[step], spec);

/** What a spec says at pointers that have no control, as [pointer, value]. */
export const beside = (spec, pointers) =>
  pointers.map((pointer) => [pointer, valueAt(spec, pointer)]).filter(([, value]) => Array.isArray(value) ? value.length : value != null);

/** The spec that the form describes, and what stands beside it. Throws Unreadable. */
export function readForm(form, carried = []) {
  const spec = {};
  for (const [pointer, value] of carried) put(spec, stepsOf(pointer), value);
  for (const control of form.querySelectorAll("[name]")) {
    const value = control.value === TABLE ? stageTable(form) : parse(control);
    if (value !== undefined) put(spec, stepsOf(control.name), value);
  }
  if (!spec.start?.weights) delete spec.start;
  if (spec.transfer?.phi === undefined) delete spec.transfer;
  return spec;
}

function put(target, [step, ...rest], value) {
  if (rest.length === 0) target[step] = value;
  else put((target[step] ??= /^\d+$/.test(rest[0]) ? [] : {}), rest, value);
}

/** Set every control to what a spec says. The preset is left open: what it filled in stands in the spec already. */
export const fillForm = (form, spec) => fill(form.querySelectorAll("[name]:not([data-kind=preset])"), spec);

/** Set the controls of the recipe. */
export const fillRecipe = (form, recipe) => fill(form.querySelectorAll('[name^="/recipe/"]:not([data-kind=preset])'), { recipe });

const controlsOf = (form, pointer) =>
  [...form.querySelectorAll("[name]")].filter(({ name }) => name === pointer || name.startsWith(`${pointer}/`));

/** Whether the form has a control for a field. */
export const hasField = (form, pointer) => controlsOf(form, pointer).length > 0;

/** Set one field, and open the group that it stands in. */
export function setField(form, pointer, value) {
  const spec = {};
  put(spec, stepsOf(pointer), value);
  const controls = controlsOf(form, pointer);
  fill(controls, spec);
  controls[0].closest("details")?.setAttribute("open", "");
  controls[0].focus();
}

function fill(controls, spec) {
  for (const control of controls) {
    const value = valueAt(spec, control.name);
    if (control.name === "/baseline" && typeof value === "object") {
      control.value = TABLE;
      control.form.querySelector("[data-kind=table]").value = JSON.stringify(value, null, 1);
    } else if (control.dataset.kind === "labels") {
      control.value = Object.entries(value ?? {}).map(([key, text]) => `${key}=${text}`).join("\n");
    } else if (control.dataset.kind === "limits") {
      control.value = (value ?? []).map((limit) => limit.table ? JSON.stringify(limit) : `${limit.metric}=${limit.at_most}`).join("\n");
    } else if (control.dataset.kind === "lines") {
      control.value = (value ?? []).join("\n");
    } else if (control.dataset.kind === "controls") {
      control.value = Array.isArray(value) ? value.join(", ") : value === false ? "none" : "all";
    } else if (control.dataset.kind === "objectives") {
      control.value = (value ?? ["accuracy"]).join(", ");
    } else if (control.dataset.kind === "boolean") {
      control.checked = value === true;
    } else if (value !== undefined) {
      control.value = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    }
  }
}
