"""Networks side by side: all that was chosen of each, and the family that a winner founds."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from service.web import palette
from service.web.marks import Trials, accuracies, measured
from service.web.palette import Document, Figure, axis, hover, layout

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
    done = sorted(measured(trials), key=lambda trial: trial["accuracy"])  # the best are drawn last, on top
    spans = [palette.extent([value(trial) for trial in done]) for _, value, _ in DIMENSIONS]
    low, high = palette.extent(accuracies(done))
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
    frame = layout(
        "parallel",
        xaxis=ticks,
        yaxis=axis("", visible=False, range=[-0.14, 1.12]),  # room for the numbers at the ends
        annotations=ends if done else [],
        margin={"l": 24, "r": 24, "t": 16, "b": 48},
    )
    return {"data": traces, "layout": frame}


def family(rows: Sequence[Document]) -> Figure:
    """What each member really costs beside what its phi promises, both relative to the baseline, on log scales."""
    nominal = [row.get("wanted_ratio", row["nominal_ratio"]) for row in rows]  # an older search has no wanted one
    promise = {"color": palette.GREY, "width": 1.5, "dash": "dot"}
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "as promised",
            "x": nominal,
            "y": nominal,
            "line": promise,
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "lines+markers+text",
            "name": "real cost",
            "x": nominal,
            "y": [row["macs_ratio"] for row in rows],
            "text": [str(row["name"]) for row in rows],
            "textposition": "top left",
            "hoverinfo": "text",
            "hovertext": [_member(row) for row in rows],
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


def _followed(row: Document) -> tuple[str, ...]:
    """How near a member of a solved family is to the ray of the coefficients."""
    if row.get("distance") is None:
        return ()
    return (f"{row['distance']:.2g} from the ray" + ("" if row["within"] else ", and not within the tolerance"),)


def _member(row: Document) -> str:
    lines = (
        f"{row['name']}: φ {row['phi']:g}",
        f"depth ×{row['depth']:.3g}, width ×{row['width']:.3g}, {row['resolution']} px",
        f"{row['params']:,} parameters, {row['macs']:,} MACs",
        f"{row['macs_ratio']:.2f}× (promised {row.get('wanted_ratio', row['nominal_ratio']):.2f}×)",
        *_followed(row),
    )
    return "<br>".join(escape(line) for line in lines)


def _within(value: float, span: tuple[float, float]) -> float:
    low, high = span
    return (value - low) / (high - low) if high > low else 0.5
