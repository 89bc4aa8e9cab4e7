// Errors of the API beside the field they point at.

import { byId, setText } from "./dom.js";

const fields = [...document.querySelectorAll("[data-pointer]")];
const slot = (field) => field.querySelector(".error");

export function clearErrors() {
  for (const field of fields) {
    setText(slot(field), "");
    field.querySelectorAll("[aria-invalid]").forEach((control) => control.removeAttribute("aria-invalid"));
  }
  setText(byId("form-error"), "");
}

/** The field of a pointer: its own, or that of a list or table it points into. */
function fieldOf(pointer) {
  const path = pointer.replace(/^#/, "");
  return fields.find(({ dataset }) => path === dataset.pointer || path.startsWith(`${dataset.pointer}/`));
}

/** errors: [{pointer, message}]; what belongs to no field is said above the button, or `otherwise` when all is. */
export function showErrors(errors, otherwise) {
  const rest = [];
  for (const { pointer = "", message } of errors) {
    const field = fieldOf(pointer);
    if (!field) {
      rest.push(message);
      continue;
    }
    setText(slot(field), message);
    const controls = field.querySelectorAll("[name]");
    const exact = [...controls].filter((control) => control.name === pointer.replace(/^#/, ""));
    for (const control of exact.length ? exact : controls) control.setAttribute("aria-invalid", "true");
    field.closest("details")?.setAttribute("open", "");
  }
  setText(byId("form-error"), errors.length ? rest.join(" ") : otherwise);
}
