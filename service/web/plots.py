"""Figures of a search: pure functions from trial documents to Plotly figures as plain dictionaries.

Every marker that stands for a trial carries its number in `customdata`, so that a click can find it. Only what has a
number to show is drawn. Only trace types that need no WebGL and no `eval` are used: the page's policy allows neither.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.baselines import PAPER_COEFFICIENTS
from models.scaling import Coefficients
from service.errors import NotFound
from service.web import palette
from service.web.learning_curves import curves
from service.web.palette import Document, Figure, axis, finite, hover, layout

Trials = Sequence[Document]
DONE = ("completed", "cached")
THIRD = 1 / 3
# Reference rules, as shares of the log-cost (depth, width, resolution): the paper's winner, an even split, and fast
# scaling "dWr" with alpha 0.8 (Dollar et al. 2021, arXiv 2103.06877)
RULES = (
    ("even", (THIRD, THIRD, THIRD)),
    ("dWr", (0.1, 0.8, 0.1)),
)


def shares(coefficients: Coefficients) -> tuple[float, float, float]:
    """How much of log(alpha beta^2 gamma^2) each of depth, width and resolution takes; thirds when nothing is scaled.

    >>> shares(Coefficients(2.0, 1.0, 1.0))
    (1.0, 0.0, 0.0)
    """
    logs = (math.log(coefficients.alpha), 2 * math.log(coefficients.beta), 2 * math.log(coefficients.gamma))
    whole = sum(logs)
    return (logs[0] / whole, logs[1] / whole, logs[2] / whole) if whole > 0 else (THIRD, THIRD, THIRD)


def simplex(trials: Trials) -> Figure:
    """Where each network spent its cost. Corners: all in depth, in width, in resolution; colour: accuracy."""
    rules = (("paper", shares(PAPER_COEFFICIENTS)), *RULES)
    traces = [
        {
            **_ternary([place for _, place in rules]),
            "mode": "markers+text",
            "name": "rules",
            "text": [name for name, _ in rules],
            "textposition": "top center",
            "textfont": {"color": palette.GREY, "size": 11},
            "hoverinfo": "text",
            "hovertext": [f"{name} rule: {_percentages(place)}" for name, place in rules],
            "marker": {"symbol": "cross-thin", "size": 9, "line": {"width": 1.5, "color": palette.GREY}},
        }
    ]
    for group in (_without(trials), _measured(trials)):
        places = [shares(Coefficients(trial["alpha"], trial["beta"], trial["gamma"])) for trial in group]
        texts = [f"{hover(trial)}<br>{_percentages(place)}" for trial, place in zip(group, places, strict=True)]
        traces.append({**_ternary(places), **_points(group, best=_best(trials)), "hovertext": texts})
    corners = {"aaxis": "Depth", "baxis": "Width", "caxis": "Resolution"}
    sides = {side: {"title": {"text": f"{name} (%)"}, "tickformat": ".0%", "min": 0} for side, name in corners.items()}
    return {
        "data": traces,
        "layout": layout("simplex", ternary={"sum": 1, **sides}, margin={"l": 48, "r": 48, "t": 44, "b": 56}),
    }


def pareto(trials: Trials) -> Figure:
    """Accuracy against MACs and against parameters, side by side, with the networks that none beats on both."""
    done = _measured(trials)
    traces: list[Figure] = []
    for suffix, name, cost in (("", "MACs", "macs"), ("2", "Parameters", "params")):
        anchors = {"xaxis": f"x{suffix}", "yaxis": "y"}
        front = _front(done, cost)
        traces.append(
            {
                **anchors,
                "type": "scatter",
                "mode": "lines",
                "name": "Pareto front",
                "x": [trial["cost"][cost] for trial in front],
                "y": [trial["accuracy"] for trial in front],
                "line": {"color": palette.GREEN, "width": 1.5, "shape": "hv"},
                "hoverinfo": "skip",
            }
        )
        traces.append(
            {
                **anchors,
                **_points(done, best=_best(trials), key=False),
                "type": "scatter",
                "name": name,
                "x": [trial["cost"][cost] for trial in done],
                "y": [trial["accuracy"] for trial in done],
                "error_y": _errors(done),
            }
        )
    frame = layout(
        "pareto",
        xaxis=axis("MACs (multiply-adds per image)", domain=[0, 0.47], tickformat="~s"),
        xaxis2=axis("Parameters", domain=[0.53, 1], tickformat="~s"),
        yaxis=palette.accuracy_axis(),
    )
    return {"data": traces, "layout": frame}


def history(trials: Trials) -> Figure:
    """Accuracies in the order of the trials, and the best so far."""
    done = sorted(_measured(trials), key=lambda trial: trial["number"])
    running, best = [], 0.0
    for trial in done:
        best = max(best, trial["accuracy"])
        running.append(best)
    numbers = [trial["number"] for trial in done]
    line = {"color": palette.BLUE, "width": 2, "shape": "hv"}
    traces = [
        {"type": "scatter", "mode": "lines", "name": "best so far", "x": numbers, "y": running, "line": line, "hoverinfo": "skip"},
        {
            **_points(done, best=_best(trials), key=False),
            "type": "scatter",
            "name": "trials",
            "x": numbers,
            "y": [trial["accuracy"] for trial in done],
            "error_y": _errors(done),
        },
    ]
    whole = {"tickformat": "d", "rangemode": "tozero"}
    return {"data": traces, "layout": layout("history", xaxis=axis("Trial (number)", **whole), yaxis=palette.accuracy_axis())}


DIMENSIONS: tuple[tuple[str, Callable[[Document], Any], str], ...] = (
    ("α", lambda trial: trial["alpha"], ".4g"),
    ("β", lambda trial: trial["beta"], ".4g"),
    ("γ", lambda trial: trial["gamma"], ".4g"),
    ("Input (px)", lambda trial: trial["architecture"]["resolution"], ",.0f"),
    ("Parameters", lambda trial: trial["cost"]["params"], ",.0f"),
    ("MACs (×)", lambda trial: trial["cost"]["macs_ratio"], ".3g"),
    ("Accuracy (%)", lambda trial: trial["accuracy"], ".1%"),
)


def parallel(trials: Trials) -> Figure:
    """One line a network over all that was chosen, paid and gained; each axis from its least to its greatest."""
    done = sorted(_measured(trials), key=lambda trial: trial["accuracy"])  # the best are drawn last, on top
    spans = [palette.extent([value(trial) for trial in done]) for _, value, _ in DIMENSIONS]
    low, high = spans[-1]
    places = list(range(len(DIMENSIONS)))
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"trial {trial['number']}",
            "x": places,
            "y": [_within(value(trial), span) for (_, value, _), span in zip(DIMENSIONS, spans, strict=True)],
            "customdata": [[trial["number"]] for _ in places],
            "hoverinfo": "text",
            "hovertext": hover(trial),
            "line": {"color": palette.shade(trial["accuracy"], low, high), "width": 1.5},
            "marker": {"size": 5},
        }
        for trial in done
    ]
    ends = [
        {"x": place, "y": y, "yshift": shift, "text": f"{span[end]:{form}}".replace("%", " %"), "showarrow": False}
        for place, (_, _, form), span in zip(places, DIMENSIONS, spans, strict=True)
        for end, y, shift in ((0, 0, -12), (1, 1, 12))
    ]
    names = [name for name, _, _ in DIMENSIONS]
    ticks = axis("", tickmode="array", tickvals=places, ticktext=names, range=[-0.4, len(names) - 0.6], side="bottom")
    frame = layout("parallel", xaxis=ticks, yaxis=axis("", visible=False, range=[-0.14, 1.12]), annotations=ends if done else [], margin={"l": 24, "r": 24, "t": 16, "b": 48})
    return {"data": traces, "layout": frame}


def family(rows: Sequence[Document]) -> Figure:
    """What each member really costs beside what its phi promises, both relative to the baseline, on log scales."""
    nominal = [row["nominal_ratio"] for row in rows]
    texts = [
        f"{row['name']}: φ {row['phi']:g}<br>depth ×{row['depth']:.3g}, width ×{row['width']:.3g}, {row['resolution']} px"
        f"<br>{row['params']:,} parameters, {row['macs']:,} MACs<br>{row['macs_ratio']:.2f}× (promised {row['nominal_ratio']:.2f}×)"
        for row in rows
    ]
    promise = {"color": palette.GREY, "width": 1.5, "dash": "dot"}
    traces = [
        {"type": "scatter", "mode": "lines", "name": "as promised", "x": nominal, "y": nominal, "line": promise, "hoverinfo": "skip"},
        {
            "type": "scatter",
            "mode": "lines+markers+text",
            "name": "real cost",
            "x": nominal,
            "y": [row["macs_ratio"] for row in rows],
            "text": [str(row["name"]) for row in rows],
            "textposition": "top left",
            "hoverinfo": "text",
            "hovertext": texts,
            "line": {"color": palette.BLUE, "width": 1.5},
            "marker": {"size": 8, "color": palette.BLUE},
        },
    ]
    scales = {"type": "log", "tickformat": "~g", "ticksuffix": "×", "dtick": "D2"}
    frame = layout(
        "family",
        xaxis=axis("Promised cost (× baseline)", **scales),
        yaxis=axis("Real MACs (× baseline)", **scales),
        showlegend=bool(rows),
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return {"data": traces, "layout": frame}


PLOTS: Mapping[str, Callable[..., Figure]] = {
    "simplex": simplex,
    "pareto": pareto,
    "curves": curves,
    "history": history,
    "parallel": parallel,
    "family": family,
}


def figure(
    name: str, trials: Trials, details: Trials | None = None, rows: Sequence[Document] | None = None
) -> Figure:
    """The figure of that name. `curves` needs trial details, `family` its rows; the others the trials.

    Raises `NotFound`, which names those there are.
    """
    try:
        plot = PLOTS[name]
    except KeyError:
        raise NotFound(f"there is no plot {name!r}; there are: {', '.join(PLOTS)}") from None
    return plot({"curves": details, "family": rows}.get(name, trials) or ())


def _measured(trials: Trials) -> list[Document]:
    return [trial for trial in trials if finite(trial.get("accuracy")) is not None]


def _without(trials: Trials) -> list[Document]:
    return [trial for trial in trials if finite(trial.get("accuracy")) is None]


def _best(trials: Trials) -> int | None:
    """The number of rank 1: replicated means come before single runs."""
    done = [trial for trial in _measured(trials) if trial["state"] in DONE]
    first = max(done, key=lambda trial: (trial["seeds"] > 1, trial["accuracy"], -trial["number"]), default=None)
    return None if first is None else first["number"]


def _points(trials: Trials, *, best: int | None, key: bool = True) -> Figure:
    """Markers of trials: colour is accuracy where there is one, shape tells the best and the reference."""
    roles = ["best" if trial["number"] == best else "reference" if trial.get("reference") else "other" for trial in trials]
    values = [finite(trial.get("accuracy")) for trial in trials]
    known = [value for value in values if value is not None]
    colours: Figure = {"color": "rgba(0,0,0,0)", "line": {"width": 1.2, "color": palette.GREY}}
    if known and len(known) == len(values):
        colours = {"color": known, **palette.accuracy_bar(*palette.extent(known)), "line": {"width": 0.8, "color": palette.GREY}}
        if not key:
            colours.pop("colorbar")
    return {
        "mode": "markers",
        "name": "trials" if known else "no accuracy yet",
        "customdata": [[trial["number"]] for trial in trials],
        "hoverinfo": "text",
        "hovertext": [hover(trial) for trial in trials],
        "marker": {
            "symbol": [palette.SYMBOLS[role] for role in roles],
            "size": [15 if role == "best" else 11 if role == "reference" else 9 for role in roles],
            "opacity": [0.45 if trial["state"] == "pruned" else 1.0 for trial in trials],
            **colours,
        },
    }


def _ternary(places: Sequence[tuple[float, float, float]]) -> Figure:
    depth, width, resolution = ([place[side] for place in places] for side in range(3))
    return {"type": "scatterternary", "a": depth, "b": width, "c": resolution, "cliponaxis": False}


def _percentages(place: tuple[float, float, float]) -> str:
    return "depth {:.0%}, width {:.0%}, resolution {:.0%}".format(*place).replace("%", " %")


def _front(trials: Trials, cost: str) -> list[Document]:
    """The trials that no other beats on both, cheapest first; pruned ones did not finish and cannot be on it."""
    front: list[Document] = []
    for trial in sorted(trials, key=lambda each: (each["cost"][cost], -each["accuracy"])):
        if trial["state"] in DONE and (not front or trial["accuracy"] > front[-1]["accuracy"]):
            front.append(trial)
    return front


def _errors(trials: Trials) -> Figure:
    """95 % intervals as error bars; nothing where there is none."""
    ends = [trial.get("accuracy_ci95") or (trial["accuracy"], trial["accuracy"]) for trial in trials]
    pairs = list(zip(trials, ends, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - trial["accuracy"]) for trial, (_, high) in pairs],
        "arrayminus": [max(0.0, trial["accuracy"] - low) for trial, (low, _) in pairs],
        "color": palette.GREY,
        "thickness": 1,
        "width": 0,
    }


def _within(value: float, span: tuple[float, float]) -> float:
    low, high = span
    return (value - low) / (high - low) if high > low else 0.5
