// What trains at this moment, one tile a run, fed by the events.

import { get } from "./api.js";
import { byId, h, keyed, setText, show } from "./dom.js";
import { percent } from "./format.js";

const name = ({ number, role, seed }) => (role === "search" ? `Trial ${number}` : `Trial ${number}, ${role}, seed ${seed}`);

function make(open) {
  return (run) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "tile", onclick: () => open(run.number) },
        h("span", { class: "tile-name" }),
        h("span", { class: "tile-value" }),
        h("span", { class: "quiet" }),
      ),
    );
}

function update(node, run) {
  const [title, value, epoch] = node.firstChild.children;
  setText(title, name(run));
  setText(value, percent(run.accuracy, 1));
  setText(epoch, run.epoch ? `epoch ${run.epoch}` : "compiling");
}

/** take(event) for each event; finished(true) hides the tiles; load(path) begins with what runs already. */
export function running(list, open) {
  const runs = new Map();
  let over = true; // until the search is known
  let frame = 0;

  function draw() {
    frame = 0;
    const rows = [...runs.values()].sort((a, b) => a.number - b.number || a.seed - b.seed);
    if (rows.length) keyed(list, rows, (run) => run.key, make(open), update);
    else list.replaceChildren(h("li", { class: "quiet" }, "Waiting for a worker…")); // in place, so that nothing jumps
    show(byId("now"), !over);
  }

  function changed() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function put({ number, role = "search", seed = 0, epoch = 0, validation_accuracy: accuracy = null }) {
    // a trial that starts does not say yet with which seed: its first epoch takes that tile over
    const early = `${number} search`;
    const key = role === "search" ? early : `${number} ${role} ${seed}`;
    const before = runs.get(key);
    if (before && before.epoch > epoch) return;
    runs.set(key, { key, number, role, seed, epoch, accuracy });
  }

  function take({ type, data }) {
    const key = data && (["final", "probe"].includes(data.role) ? `${data.number} ${data.role} ${data.seed}` : `${data.number} search`);
    if (type === "trial.started" || type === "trial.epoch") put(data);
    else if (["trial.finished", "trial.paused", "run.requeued"].includes(type)) runs.delete(key);
    else return;
    changed();
  }

  return {
    take,
    finished(value) {
      over = value;
      changed();
    },
    async load(path) {
      try {
        const { items } = await get(`${path}/trials?state=running&limit=50`);
        items.forEach((trial) => put({ number: trial.number, epoch: trial.epochs, validation_accuracy: trial.accuracy }));
        changed();
      } catch {
        // the events bring the tiles as well, a little later
      }
    },
  };
}
