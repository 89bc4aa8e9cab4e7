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
  return value;
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

function stageTable(form) {
  try {
    return JSON.parse(form.querySelector("[data-kind=table]").value);
  } catch (error) {
    throw new Unreadable("/baseline", `The stage table is not JSON: ${error.message}`);
  }
}

/** The spec that the form describes. Throws Unreadable. */
export function readForm(form) {
  const spec = {};
  for (const control of form.querySelectorAll("[name]")) {
    const value = control.value === TABLE ? stageTable(form) : parse(control);
    if (value !== undefined) put(spec, control.name.split("/").slice(1), value);
  }
  return spec;
}

function put(target, [step, ...rest], value) {
  if (rest.length === 0) target[step] = value;
  else put((target[step] ??= /^\d+$/.test(rest[0]) ? [] : {}), rest, value);
}

/** Set every control to what a spec says. */
export function fillForm(form, spec) {
  for (const control of form.querySelectorAll("[name]")) {
    const value = control.name.split("/").slice(1).reduce((part, step) => part?.[step], spec);
    if (control.name === "/baseline" && typeof value === "object") {
      control.value = TABLE;
      form.querySelector("[data-kind=table]").value = JSON.stringify(value, null, 1);
    } else if (control.dataset.kind === "labels") {
      control.value = Object.entries(value ?? {}).map(([key, text]) => `${key}=${text}`).join("\n");
    } else if (value !== undefined) {
      control.value = value === null ? "" : String(value);
    }
  }
}
