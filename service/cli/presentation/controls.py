"""Simple choices beside the answer of a search, for a person."""

from collections.abc import Sequence
from typing import Any

from service.cli.presentation.output import percent, percent_range
from service.cli.presentation.table import Column, table

Document = dict[str, Any]
CONTROLS = (
    *(Column("control"), Column("accuracy", form=percent), Column("95 %", 3, percent_range)),
    *(Column("cost", 1, lambda ratio: f"{ratio:.3f}x"), Column("the answer gains"), Column("note", 2, wraps=True)),
)
TITLES = {
    "baseline": "the unscaled baseline",
    "depth": "depth alone",
    "width": "width alone",
    "resolution": "resolution alone",
    "equal": "equal shares",
    "paper": "the paper's coefficients",
}


def show_controls(controls: Sequence[Document] | None, *, wide: bool = False) -> None:
    """A blank line and a row for each; nothing of a search without any."""
    if controls:
        print()
        rows = [[each[name] for name in ("accuracy", "accuracy_ci95", "ratio")] for each in controls]
        table(
            CONTROLS,
            [[TITLES[each["name"]], *row, gained(each), _note(each)] for each, row in zip(controls, rows, strict=True)],
            wide=wide,
        )


def gained(control: Document) -> str | None:
    """What the network that the search names gains over a control; None where nothing is known.

    >>> gained({"difference": {"points": 1.8, "ci95": [0.6, 3.04]}})
    '+1.8 points (+0.6 to +3.0)'
    """
    found = control["difference"]
    if found is None:
        return None
    low, high = found["ci95"]
    return f"{found['points']:+.1f} points ({low:+.1f} to {high:+.1f})"


def _note(control: Document) -> str | None:
    if control["reason"] is not None:
        return str(control["reason"])
    notes = [] if control["same_as"] is None else [f"trial {control['same_as']}"]
    if not control["within_target"]:
        notes.append("no network of it lies within the target")
    return ", ".join(notes) or None
