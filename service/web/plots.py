"""Figures of a search: pure functions from trial documents to Plotly figures as plain dictionaries.

Every marker that stands for a trial carries its number in `customdata`, so that a click can find it. Only what has a
number to show is drawn. Only trace types that need no WebGL and no `eval` are used: the page's policy allows neither.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from models.scaling.baselines import PAPER_COEFFICIENTS
from models.scaling.coefficients import Coefficients
from models.wording import percent
from service.errors import NotFound
from service.web import palette
from service.web.comparisons import family, parallel
from service.web.learning_curves import curves
from service.web.marks import Trials, error_bars, first_place, markers, measured, unmeasured
from service.web.palette import Document, Figure, hover, layout
from service.web.pareto import pareto

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
    for group in (unmeasured(trials), measured(trials)):
        places = [shares(Coefficients(trial["alpha"], trial["beta"], trial["gamma"])) for trial in group]
        texts = [f"{hover(trial)}<br>{_percentages(place)}" for trial, place in zip(group, places, strict=True)]
        traces.append({**_ternary(places), **markers(group, best=first_place(trials)), "hovertext": texts})
    corners = {"aaxis": "Depth", "baxis": "Width", "caxis": "Resolution"}
    sides = {side: {"title": {"text": f"{name} (%)"}, "tickformat": ".0%", "min": 0} for side, name in corners.items()}
    return {
        "data": traces,
        "layout": layout("simplex", ternary={"sum": 1, **sides}, margin={"l": 48, "r": 48, "t": 44, "b": 56}),
    }


def history(trials: Trials) -> Figure:
    """Accuracies in the order of the trials, and the best so far."""
    done = sorted(measured(trials), key=lambda trial: trial["number"])
    running, best = [], 0.0
    for trial in done:
        best = max(best, trial["accuracy"])
        running.append(best)
    numbers = [trial["number"] for trial in done]
    line = {"color": palette.BLUE, "width": 2, "shape": "hv"}
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": numbers,
            "y": running,
            "line": line,
            "hoverinfo": "skip",
        },
        {
            **markers(done, best=first_place(trials), key=False),
            "type": "scatter",
            "name": "trials",
            "x": numbers,
            "y": [trial["accuracy"] for trial in done],
            "error_y": error_bars(done),
        },
    ]
    order = palette.whole_axis("Trial (number)", numbers)
    return {"data": traces, "layout": layout("history", xaxis=order, yaxis=palette.accuracy_axis(done))}


PLOTS: Mapping[str, Callable[..., Figure]] = {
    "simplex": simplex,
    "pareto": pareto,
    "curves": curves,
    "history": history,
    "parallel": parallel,
    "family": family,
}


def figure(
    name: str,
    trials: Trials,
    details: Trials | None = None,
    rows: Sequence[Document] | None = None,
    front: Document | None = None,
) -> Figure:
    """The figure of that name. `curves` needs trial details, `family` its rows; the others the trials.

    `pareto` shows the `front` of a search with several objectives.

    Raises `NotFound`, which names those there are.
    """
    try:
        plot = PLOTS[name]
    except KeyError:
        raise NotFound(f"there is no plot {name!r}; there are: {', '.join(PLOTS)}") from None
    if name == "pareto":
        return pareto(trials, front)
    return plot({"curves": details, "family": rows}.get(name, trials) or ())


def _ternary(places: Sequence[tuple[float, float, float]]) -> Figure:
    depth, width, resolution = ([place[side] for place in places] for side in range(3))
    return {"type": "scatterternary", "a": depth, "b": width, "c": resolution, "cliponaxis": False}


def _percentages(place: tuple[float, float, float]) -> str:
    return ", ".join(
        f"{side} {percent(share, 0)}" for side, share in zip(("depth", "width", "resolution"), place, strict=True)
    )
