// The charts: figures of the API drawn by plotly.js, which is loaded when the first of them comes into view.

import { explain, get, Unreachable } from "./api.js";
import { setText, show } from "./dom.js";
import { paced } from "./pace.js";
import { themed } from "./theme.js";

const DRAW_MS = 2500; // a figure at most so often
const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false };

let loading = null;

/** plotly.js is one classic script of 5 MB: once, and never before it is needed. */
function plotly(address) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Unreachable("plotly.js could not be loaded."));
    document.head.append(script);
  });
  return loading;
}

function panel(element, path, address, open, over) {
  const { plot } = element.dataset;
  const [canvas, empty] = [element.querySelector(".canvas"), element.querySelector(".empty")];
  let figure = null;
  let stale = true;
  let seen = false;

  /** A chart without points is a line of text, not an empty frame. */
  const bare = (is) => {
    show(empty, is);
    show(canvas, !is);
  };
  const nothing = () =>
    over() ? "Nothing to draw: no trial of this search has an accuracy." : "Nothing to draw yet; it comes with the first trials.";

  async function draw() {
    if (!figure) return;
    const Plotly = await plotly(address);
    const first = !canvas.classList.contains("js-plotly-plot");
    const { data, layout } = themed(figure, canvas);
    await Plotly.react(canvas, data, layout, CONFIG);
    if (first) canvas.on("plotly_click", ({ points: [point] }) => Number.isInteger(point.customdata?.[0]) && open(point.customdata[0]));
    element.dataset.drawn = String(Number(element.dataset.drawn ?? 0) + 1);
  }

  const refresh = paced(async () => {
    if (!stale || !seen) return;
    stale = false;
    try {
      const fresh = await get(`${path}/plots/${plot}`);
      const something = fresh.data.some((trace) => (trace.x ?? trace.a ?? []).length > 0);
      if (something) figure = fresh;
      setText(empty, something ? "" : nothing());
      bare(!something);
      await draw();
    } catch (error) {
      const text = error.status === 409 ? nothing() : explain(error);
      if (!figure) {
        setText(empty, text);
        bare(true);
      }
    }
  }, DRAW_MS);

  return {
    plot,
    element,
    draw,
    mark() {
      stale = true;
      if (seen) refresh();
    },
    look(visible) {
      seen = visible;
      if (visible && stale) refresh();
    },
  };
}

/** stale(name?) says that a figure changed; it is read again when, and only while, it is in view. */
export function charts(path, address, open, over) {
  const panels = [...document.querySelectorAll("[data-plot]")].map((element) => panel(element, path, address, open, over));
  const observer = new IntersectionObserver(
    (entries) =>
      entries.forEach(({ target, isIntersecting }) => panels.find(({ element }) => element === target).look(isIntersecting)),
    { rootMargin: "200px" },
  );
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => panels.forEach(({ draw }) => draw()));
  return {
    watch: () => panels.forEach(({ element }) => observer.observe(element)),
    stale: (name) => panels.forEach((each) => (name === undefined || each.plot === name) && each.mark()),
  };
}
