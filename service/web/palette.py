"""Colours, hover texts and the frame that all figures share. No figure has a background: the page brings its own."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from models.wording import percent

Document = Mapping[str, Any]
Figure = dict[str, Any]

# Okabe & Ito 2008, "Color Universal Design": told apart with every kind of colour vision
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
GREY = "#8A9099"  # legible on white and on near-black
# Viridis (van der Walt & Smith 2015) from 0.2 upwards: its darkest fifth vanishes on a dark page
SCALE = ("#414487", "#2A788E", "#22A884", "#7AD151", "#FDE725")
COLORSCALE = [[position / (len(SCALE) - 1), colour] for position, colour in enumerate(SCALE)]
STEPS = tuple(factor * 10**power for power in range(8) for factor in (1, 2, 5))
MOST_TICKS = 10  # of an axis of whole numbers
LEAST_MARGIN = 0.01  # of accuracy, above and below
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, DejaVu Sans, sans-serif"


def finite(value: Any) -> float | None:
    """A number that JSON can hold, or None."""
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def layout(name: str, **parts: Any) -> Figure:
    """The frame of a figure. `uirevision` keeps a reader's zoom when the figure is drawn anew."""
    return {
        "font": {"family": FONT, "size": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "hovermode": "closest",
        "showlegend": False,
        "uirevision": name,
        **parts,
    }


def axis(title: str, **parts: Any) -> Figure:
    """An axis; the title names the unit."""
    return {"title": {"text": title, "standoff": 10}, "automargin": True, "zeroline": False, **parts}


def whole_axis(title: str, values: Sequence[int]) -> Figure:
    """An axis of whole numbers from 0: every tick is one, and none stands twice."""
    greatest = max(values, default=1)
    step = next(step for step in STEPS if step * MOST_TICKS >= greatest)
    margin = max(0.5, 0.03 * greatest)
    return axis(title, tickformat="d", tick0=0, dtick=step, range=[-margin, greatest + margin])


def accuracy_axis(trials: Sequence[Document] = (), values: Sequence[float] = ()) -> Figure:
    """Accuracies are fractions and are read as per cent. The range holds these trials with their intervals, and values.

    A single point gets a range around it: by itself plotly would draw from -50 to 150 %.
    """
    ends = [end for trial in trials for end in (trial["accuracy"], *(trial.get("accuracy_ci95") or ()))]
    known = [value for value in (*ends, *values) if finite(value) is not None]
    low, high = extent(known)
    margin = max(0.06 * (high - low), LEAST_MARGIN) if known else 0.0
    title = "Validation accuracy (%)"
    return axis(title, tickformat=".1%", hoverformat=".2%", range=[low - margin, high + margin])


def cost_range(values: Sequence[float]) -> Figure:
    """The range of an axis on which all values are the same; nothing where plotly's own is right."""
    low, high = extent(values)
    return {"range": [0.9 * low, 1.1 * high]} if values and low == high and low > 0 else {}


def accuracy_bar(low: float, high: float) -> Figure:
    """Marker settings that turn accuracies into colours, with their key."""
    return {
        "colorscale": COLORSCALE,
        "cmin": low,
        "cmax": high if high > low else low + 1e-9,  # one trial alone: plotly refuses an empty range
        "colorbar": {"title": {"text": "Accuracy", "side": "top"}, "tickformat": ".1%", "thickness": 10, "len": 0.7},
    }


def shade(value: float, low: float, high: float) -> str:
    """The colour of an accuracy on the scale, as #RRGGBB.

    >>> shade(0.0, 0.0, 1.0), shade(1.0, 0.0, 1.0)
    ('#414487', '#fde725')
    """
    place = (value - low) / (high - low) if high > low else 1.0
    at = min(max(place, 0.0), 1.0) * (len(SCALE) - 1)
    left = min(int(at), len(SCALE) - 2)
    pairs = zip(_channels(SCALE[left]), _channels(SCALE[left + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (at - left)):02x}" for a, b in pairs)


def hover(trial: Document) -> str:
    """What a point says of its trial. `<br>` is plotly's line break; all else is escaped."""
    architecture, cost = trial["architecture"], trial["cost"]
    lines = [
        f"Trial {trial['number']}" + (", reference" if trial.get("reference") else ""),
        accuracy_text(trial),
        f"α {trial['alpha']:.4g}, β {trial['beta']:.4g}, γ {trial['gamma']:.4g}",
        f"{architecture['resolution']} px · {cost['params']:,} parameters",
        f"{cost['macs']:,} MACs ({cost['macs_ratio']:.2f}×)",
    ]
    return "<br>".join(escape(line) for line in lines)


def accuracy_text(trial: Document) -> str:
    """As "97.50 % (96.90 to 98.10 %, 5 seeds)", or the state of a trial without an accuracy."""
    accuracy, interval = finite(trial.get("accuracy")), trial.get("accuracy_ci95")
    if accuracy is None:
        return str(trial["state"])
    text = percent(accuracy)
    if interval and all(finite(end) is not None for end in interval):
        text += f" ({100 * interval[0]:.2f} to {100 * interval[1]:.2f} %, {trial['seeds']} seeds)"
    return text if trial["state"] in ("completed", "cached") else f"{text}, {trial['state']}"


def extent(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest; (0, 1) of nothing."""
    return (min(values), max(values)) if values else (0.0, 1.0)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
