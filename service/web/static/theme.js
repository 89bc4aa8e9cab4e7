// Figures come without a theme; this gives them the page's colours and, on a phone, its width.

const NARROW = 480; // px of the canvas
const KEY_BELOW = { orientation: "h", x: 0.5, xanchor: "center", y: -0.22, yanchor: "top", len: 0.9 };

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { ink: of("--ink"), quiet: of("--quiet"), line: of("--line"), raised: of("--raised") };
}

function axis(given, { quiet, line }) {
  return {
    ...given,
    gridcolor: line,
    linecolor: line,
    zerolinecolor: line,
    tickfont: { ...given.tickfont, color: quiet },
    title: { ...given.title, font: { ...given.title?.font, color: quiet } },
  };
}

function ternary(given, palette) {
  const sides = ["aaxis", "baxis", "caxis"].map((side) => [side, axis(given[side] ?? {}, palette)]);
  return { ...given, bgcolor: "rgba(0,0,0,0)", ...Object.fromEntries(sides) };
}

/** Two panels side by side become two above one another; a colour key goes below its figure. */
function narrow({ data, layout }) {
  const traces = data.map((trace) => {
    const bar = trace.marker?.colorbar;
    if (bar) return { ...trace, marker: { ...trace.marker, colorbar: { ...bar, ...KEY_BELOW } } };
    return trace.xaxis === "x2" ? { ...trace, yaxis: "y2" } : trace;
  });
  if (layout.xaxis2) return { data: traces, layout: stacked(layout) };
  return { data: traces, layout: layout.ternary ? cornered(layout) : layout };
}

/** The names of the corners need room at the sides: the ticks say "%" already. */
function cornered({ ternary: given, ...layout }) {
  const sides = ["aaxis", "baxis", "caxis"].map((side) => [
    side,
    { ...given[side], title: { ...given[side].title, text: given[side].title.text.replace(" (%)", "") } },
  ]);
  return { ...layout, margin: { ...layout.margin, l: 44, r: 60 }, ternary: { ...given, ...Object.fromEntries(sides) } };
}

function stacked(layout) {
  return {
    ...layout,
    xaxis: { ...layout.xaxis, domain: [0, 1], anchor: "y" },
    yaxis: { ...layout.yaxis, domain: [0.6, 1] },
    xaxis2: { ...layout.xaxis2, domain: [0, 1], anchor: "y2" },
    yaxis2: { ...layout.yaxis, ...layout.yaxis2, matches: "y", domain: [0, 0.4], anchor: "x2", showticklabels: true },
  };
}

/** The figure for this canvas, as a new object. */
export function themed({ data, layout }, canvas) {
  const palette = colours();
  const next = {};
  for (const [name, part] of Object.entries(layout)) {
    if (/^[xy]axis\d*$/.test(name)) next[name] = axis(part, palette);
    else if (name === "ternary") next[name] = ternary(part, palette);
    else next[name] = part;
  }
  next.font = { ...layout.font, color: palette.ink };
  next.hoverlabel = { bgcolor: palette.raised, bordercolor: palette.line, font: { color: palette.ink }, align: "left" };
  next.annotations = layout.annotations?.map((note) => ({ ...note, font: { ...note.font, color: palette.quiet } }));
  const traces = data.map((trace) => {
    const bar = trace.marker?.colorbar;
    const marker = trace.marker && { ...trace.marker, ...(bar && { colorbar: { ...bar, outlinewidth: 0, tickfont: { color: palette.quiet } } }) };
    return { ...trace, ...(marker && { marker }) };
  });
  const figure = { data: traces, layout: next };
  return canvas.clientWidth < NARROW ? narrow(figure) : figure;
}
