"""Trials as markers: which ones are drawn, and how the best, the reference and the pruned ones look."""

from collections.abc import Sequence

from service.web import palette
from service.web.palette import Document, Figure, finite, hover

Trials = Sequence[Document]
DONE = ("completed", "cached")
# role -> (symbol, size in px); pruned trials are smaller and fainter
ROLES = {"best": ("star", 15), "reference": ("diamond", 11), "other": ("circle", 9), "pruned": ("circle", 7)}
FAINT = 0.6


def measured(trials: Trials) -> list[Document]:
    """Those that have an accuracy."""
    return [trial for trial in trials if finite(trial.get("accuracy")) is not None]


def unmeasured(trials: Trials) -> list[Document]:
    """Those that have none, yet or for ever."""
    return [trial for trial in trials if finite(trial.get("accuracy")) is None]


def accuracies(trials: Trials) -> list[float]:
    """Those that the scale of colours spans: of trials trained to the end, of all where none was.

    A pruned trial may lie far below; on a scale that reached down to it the best would all look the same.
    """
    found = measured(trials)
    done = [trial for trial in found if trial["state"] in DONE]
    return [trial["accuracy"] for trial in done or found]


def first_place(trials: Trials) -> int | None:
    """The number of the trial at rank 1: replicated means come before single runs."""
    done = [trial for trial in measured(trials) if trial["state"] in DONE]
    first = max(done, key=lambda trial: (trial["seeds"] > 1, trial["accuracy"], -trial["number"]), default=None)
    return None if first is None else first["number"]


def markers(trials: Trials, *, best: int | None, key: bool = True) -> Figure:
    """Markers of trials: colour is accuracy where there is one, shape tells the best and the reference.

    `key` adds the scale of the colours.
    """
    roles = [_role(trial, best) for trial in trials]
    values = [finite(trial.get("accuracy")) for trial in trials]
    known = [value for value in values if value is not None]
    colours: Figure = {"color": "rgba(0,0,0,0)", "line": {"width": 1.2, "color": palette.GREY}}
    if known and len(known) == len(values):
        scale = palette.accuracy_bar(*palette.extent(accuracies(trials)))
        colours = {"color": known, **scale, "line": {"width": 0.8, "color": palette.GREY}}
        if not key:
            colours.pop("colorbar")
    return {
        "mode": "markers",
        "name": "trials" if known else "without accuracy",
        "customdata": [[trial["number"]] for trial in trials],
        "hoverinfo": "text",
        "hovertext": [hover(trial) for trial in trials],
        "marker": {
            "symbol": [ROLES[role][0] for role in roles],
            "size": [ROLES[role][1] for role in roles],
            "opacity": [FAINT if role == "pruned" else 1.0 for role in roles],
            **colours,
        },
    }


def _role(trial: Document, best: int | None) -> str:
    if trial["number"] == best:
        return "best"
    if trial.get("reference"):
        return "reference"
    return "pruned" if trial["state"] == "pruned" else "other"


def error_bars(trials: Trials) -> Figure:
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
