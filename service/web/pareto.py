"""Accuracy against each cost that counts, with the networks that none beats."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.web import palette
from service.web.marks import DONE, Trials, error_bars, first_place, markers, measured
from service.web.palette import Document, Figure, axis, finite, layout

NAMES: Mapping[str, str] = {
    "macs": "MACs (multiply-adds per image)",
    "params": "Parameters",
    "activations": "Activations",
    "latency_ms": "Latency (ms for one image)",
    "peak_memory_bytes": "Memory (bytes at most)",
}
USUAL = ("macs", "params")  # costs that every search shows when its objectives name none
GAP = 0.06  # of the width, between two panels: room for the ticks of the second
RING = 17  # px: around a marker of 9 to 15


def pareto(trials: Trials, front: Document | None = None) -> Figure:
    """One panel a cost. `front` is that of a search with several objectives (`GET /v1/searches/{id}`).

    A staircase joins the networks that none beats in accuracy and the panel's cost, where no other cost counts. What
    stands on the front of all objectives bears a ring, and its knee says so.
    """
    costs = USUAL if front is None else tuple(front["objectives"][1:])
    traces: list[Figure] = []
    axes: Figure = {}
    width = (1 + GAP) / len(costs)
    for at, cost in enumerate(costs):
        suffix = "" if at == 0 else str(at + 1)
        anchors = {"xaxis": f"x{suffix}", "yaxis": "y", "type": "scatter"}
        shown = [trial for trial in measured(trials) if finite(trial["cost"][cost]) is not None]
        axes[f"xaxis{suffix}"] = axis(
            NAMES[cost],
            domain=[round(at * width, 4), round((at + 1) * width - GAP, 4)],
            tickformat="~s",
            **palette.cost_range([trial["cost"][cost] for trial in shown]),
        )
        if front is None or len(costs) == 1:
            traces.append({**anchors, **_staircase(_front(shown, cost), cost)})
        traces.append(
            {
                **anchors,
                **markers(shown, best=first_place(trials), key=False),
                "name": NAMES[cost].partition(" (")[0],
                **_places(shown, cost),
                "error_y": error_bars(shown),
            }
        )
        if front is not None:
            traces.append({**anchors, **_rings(shown, cost, front)})
    return {"data": traces, "layout": layout("pareto", **axes, yaxis=palette.accuracy_axis(measured(trials)))}


def _places(trials: Trials, cost: str) -> dict[str, list[Any]]:
    return {"x": [trial["cost"][cost] for trial in trials], "y": [trial["accuracy"] for trial in trials]}


def _staircase(trials: Trials, cost: str) -> Figure:
    return {
        "mode": "lines",
        "name": "Pareto front",
        **_places(trials, cost),
        "line": {"color": palette.GREEN, "width": 1.5, "shape": "hv"},
        "hoverinfo": "skip",
    }


def _rings(trials: Trials, cost: str, front: Document) -> Figure:
    ringed = [trial for trial in trials if trial["number"] in front["trials"]]
    return {
        "mode": "markers+text",
        "name": "front of all objectives",
        **_places(ringed, cost),
        "text": ["knee" if trial["number"] == front["knee"] else "" for trial in ringed],
        "textposition": "bottom right",
        "textfont": {"color": palette.GREEN, "size": 11},
        "marker": {"symbol": "circle-open", "size": RING, "color": palette.GREEN, "line": {"width": 1.5}},
        "hoverinfo": "skip",
    }


def _front(trials: Sequence[Document], cost: str) -> list[Document]:
    """The trials that no other beats on both, cheapest first; pruned ones did not finish and cannot be on it."""
    front: list[Document] = []
    for trial in sorted(trials, key=lambda each: (each["cost"][cost], -each["accuracy"])):
        if trial["state"] in DONE and (not front or trial["accuracy"] > front[-1]["accuracy"]):
            front.append(trial)
    return front
