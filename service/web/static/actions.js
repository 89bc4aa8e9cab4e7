// Pause, resume, cancel (after asking), and the exports.

import { explain, post, send } from "./api.js";
import { alertText, byId } from "./dom.js";

/** `current` gives the search as last read; `changed` is called after anything was done. */
export function wireActions(path, current, changed) {
  const act = (button, action) => async () => {
    button.disabled = true;
    try {
      await post(`${path}/${action}`);
      alertText("");
    } catch (error) {
      alertText(explain(error));
    } finally {
      button.disabled = false;
      changed();
    }
  };
  for (const action of ["pause", "resume"]) byId(action).addEventListener("click", act(byId(action), action));

  const dialog = byId("cancel-dialog");
  byId("cancel").addEventListener("click", () => {
    dialog.returnValue = "no";
    dialog.showModal();
  });
  dialog.addEventListener("close", () => dialog.returnValue === "yes" && act(byId("cancel"), "cancel")());

  byId("again").href = `/new?from=${encodeURIComponent(path.split("/").pop())}`;
  wireExports(path, current);
}

function wireExports(path, current) {
  const menu = byId("export");
  for (const button of menu.querySelectorAll("button")) {
    button.addEventListener("click", async () => {
      menu.open = false;
      menu.querySelector("summary").focus();
      try {
        const { format } = button.dataset;
        const response = await send(`${path}/export?format=${format}`);
        download(await response.blob(), filename(response, current(), format));
        alertText("");
      } catch (error) {
        alertText(explain(error));
      }
    });
  }
  document.addEventListener("click", (event) => menu.contains(event.target) || (menu.open = false));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

/** The server's file name, or one made of the search's own. */
function filename(response, search, format) {
  const given = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") || "");
  if (given) return given[1];
  const stem = (search?.name || "search").replaceAll(/[^\p{L}\p{N}_-]+/gu, "-").slice(0, 80);
  return `${stem}.${format}`;
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
