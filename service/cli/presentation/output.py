"""What commands print: JSON for programs, tables for people, warnings beside them on standard error."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PIPE_COLUMNS = 160  # of a table that goes into a file or a pipe, where there is no screen to fit
LONGEST_NUMBER = 30  # characters: an interval of two percentages fits


def emit(document: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def warn(text: str) -> None:
    """One line on standard error."""
    print(f"warning: {text}", file=sys.stderr)


def console() -> "Console":
    """The screen, or something as wide as a table wants to be."""
    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=PIPE_COLUMNS)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Rows under headings; numbers stand right, what is missing is a dash."""
    from rich import box
    from rich.table import Table

    cells = [[show(value) for value in row] for row in rows]
    numeric = [all(_stands_right(row[i]) for row in cells) for i in range(len(columns))]
    drawn = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for name, right in zip(columns, numeric, strict=True):
        drawn.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*row)
    console().print(drawn)


def _stands_right(text: str) -> bool:
    """A number or an interval of numbers, or nothing; a sentence may begin with a digit, too."""
    return text in ("-", "") or (text[0].isdigit() and len(text) < LONGEST_NUMBER)


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line."""
    from rich.table import Table

    drawn = Table(box=None, show_header=False)
    drawn.add_column(style="bold")
    drawn.add_column(overflow="fold")
    for name, value in rows:
        drawn.add_row(name, show(value))
    console().print(drawn)


def show(value: object) -> str:
    """A value as a person reads it; safe from rich's markup."""
    from rich.markup import escape

    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return " ".join(str(item) for item in value)
        case _:
            return escape(str(value))


def percent(fraction: float | None) -> str:
    """0.9812 as 98.12 %; a dash when there is none."""
    return "-" if fraction is None else f"{fraction:.2%}".replace("%", " %")


def duration(seconds: float | None) -> str:
    """Seconds as a person says them."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
