"""Learning curves: validation accuracy per epoch, one line a training."""

from collections.abc import Iterator, Sequence
from html import escape

from models.wording import percent
from service.web.palette import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    Document,
    Figure,
    accuracy_axis,
    finite,
    layout,
    whole_axis,
)

# kind -> (legend, colour, width, opacity, dash), in drawing order: what matters lies on top
KINDS = {
    "pruned": ("pruned or failed", GREY, 1.0, 0.3, "solid"),
    "search": ("search training", GREY, 1.3, 0.8, "solid"),
    "running": ("training now", GREEN, 2.0, 1.0, "solid"),
    "reference": ("reference network", VERMILLION, 2.0, 1.0, "dash"),
    "final": ("final training of a finalist", BLUE, 1.2, 0.7, "solid"),
}


def curves(details: Sequence[Document]) -> Figure:
    """One line a run of trial details; pruned ones faded, finalists and the reference in colour."""
    lines = sorted(_lines(details), key=lambda line: list(KINDS).index(line[0]))
    named: set[str] = set()
    traces = []
    for kind, trial, run in lines:
        traces.append(_trace(kind, trial, run, show=kind not in named))
        named.add(kind)
    frame = layout(
        "curves",
        xaxis=whole_axis("Epoch (number)", [epoch for trace in traces for epoch in trace["x"]]),
        yaxis=accuracy_axis(values=[value for trace in traces for value in trace["y"]]),
        showlegend=bool(traces),
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return {"data": traces, "layout": frame}


def _lines(details: Sequence[Document]) -> Iterator[tuple[str, Document, Document]]:
    for trial in details:
        for run in trial.get("runs", ()):
            if run.get("history"):
                yield _kind(trial, run), trial, run


def _kind(trial: Document, run: Document) -> str:
    if run["state"] == "running":
        return "running"
    if run["state"] not in ("completed", "cached"):
        return "pruned"
    if trial.get("reference"):
        return "reference"
    return "final" if run["role"] == "final" else "search"


def _trace(kind: str, trial: Document, run: Document, *, show: bool) -> Figure:
    legend, colour, width, opacity, dash = KINDS[kind]
    points = [
        (epoch["epoch"], value, _gap(epoch, value))
        for epoch in run["history"]
        if (value := finite(epoch.get("validation_accuracy"))) is not None
    ]
    title = escape(f"Trial {trial['number']}, {run['role']}, seed {run['seed']}: {run['state']}")
    return {
        "type": "scatter",
        "mode": "lines" if len(points) > 1 else "markers",
        "name": legend,
        "legendgroup": kind,
        "showlegend": show,
        "x": [epoch for epoch, _, _ in points],
        "y": [value for _, value, _ in points],
        "customdata": [[trial["number"]] for _ in points],
        "hoverinfo": "text",
        "hovertext": [f"{title}<br>epoch {epoch}: {percent(value)}{gap}" for epoch, value, gap in points],
        "opacity": opacity,
        "line": {"color": colour, "width": width, "dash": dash},
        "marker": {"color": colour, "size": 5},
    }


def _gap(epoch: Document, validation: float) -> str:
    """How far training is ahead of validation, in words; nothing where training accuracy is unknown."""
    train = finite(epoch.get("train_accuracy"))
    return "" if train is None else f", training {percent(train)}, a gap of {100 * (train - validation):.1f} points"
