// The /v1 API by fetch, with the reader's key when the server asks for one.

import { byId, setText } from "./dom.js";

const KEY = "effscale-api-key";

/** What a problem+json answer says; `errors` is [{pointer, message}]. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.code = body.code || "";
    this.errors = Array.isArray(body.errors) ? body.errors : [];
  }
}

/** No answer came at all. (fetch says so with a TypeError, which a mistake of ours would be as well.) */
export class Unreachable extends Error {}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // storage switched off: the key is asked for on every page
  }
}

let held = stored();
let asking = null;

function keep(key) {
  held = key;
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // see above: `held` lasts as long as the page
  }
}

/** Ask for a key, once however many requests were refused; resolves when one was given. */
function ask(message) {
  if (asking) return asking;
  const [dialog, form, input] = [byId("key-dialog"), byId("key-form"), byId("key")];
  setText(byId("key-error"), message);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  asking = new Promise((resolve) => {
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        keep(input.value.trim());
        input.value = "";
        dialog.close();
        asking = null;
        resolve();
      },
      { once: true },
    );
  });
  dialog.showModal();
  return asking;
}

/** fetch with the key; a 401 asks for one and tries again. Throws Problem or Unreachable. */
export async function send(path, { headers = {}, ...options } = {}) {
  for (;;) {
    const used = held;
    const authorization = used ? { Authorization: `Bearer ${used}` } : {};
    const response = await fetch(path, { ...options, headers: { ...headers, ...authorization } }).catch(unreachable);
    if (response.status !== 401) {
      if (response.ok) return response;
      throw new Problem(response.status, await body(response));
    }
    if (held === used) await ask(used ? "This server does not take that key." : "");
  }
}

function unreachable(error) {
  throw error instanceof TypeError ? new Unreachable("The server does not answer.") : error;
}

async function body(response) {
  try {
    return await response.json();
  } catch {
    return {}; // a proxy's own page, for one
  }
}

export async function get(path, options = {}) {
  return (await send(path, { ...options, headers: { Accept: "application/json" } })).json();
}

export async function post(path, document, { headers = {}, ...options } = {}) {
  const type = { "Content-Type": "application/json", Accept: "application/json" };
  const content = document === undefined ? {} : { body: JSON.stringify(document) };
  return (await send(path, { ...options, ...content, method: "POST", headers: { ...type, ...headers } })).json();
}

/** For a person: what a failed request means. */
export function explain(error) {
  if (error instanceof Problem || error instanceof Unreachable) return error.message;
  throw error; // a mistake of ours: let the console have it
}
