"""What commands print: JSON for programs, values for people, warnings beside them on standard error."""

import json
import sys

from models import wording
from service.cli.presentation.screen import prose


def emit(document: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def warn(text: str) -> None:
    """One line on standard error."""
    prose(f"warning: {text}", sys.stderr)


def note(text: str) -> None:
    """One line on standard error that is to be known, and no cause for worry."""
    prose(f"note: {text}", sys.stderr)


def show(value: object) -> str:
    """A value as a person reads it."""
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
            return str(value)


def plain(value: object) -> str:
    """A value as a program reads it in a table: as in JSON, lists with blanks, nothing for null.

    >>> plain(1234567), plain(0.9812), plain(None), plain(True), plain([16, 24])
    ('1234567', '0.9812', '', 'true', '16 24')
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return " ".join(map(plain, value))
        case _:
            return " ".join(str(value).split())


def percent(fraction: float | None) -> str:
    """0.9812 as 98.12 %; a dash when there is none."""
    return "-" if fraction is None else wording.percent(fraction)


def duration(seconds: float | None) -> str:
    """Seconds as a person says them."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def percent_range(interval: tuple[float, float] | list[float] | None) -> str:
    """Both ends of an interval of fractions.

    >>> percent_range([0.97, 0.99])
    '97.00–99.00 %'
    """
    return "-" if interval is None else f"{100 * interval[0]:.2f}–{percent(interval[1])}"


def points(difference: float | None) -> str:
    """A difference of two accuracies.

    >>> points(0.0213)
    '2.1 points'
    """
    return "-" if difference is None else f"{100 * difference:.1f} points"


def moment(time: str | None) -> str:
    """A time of the API, in UTC to the minute.

    >>> moment("2026-01-05T10:01:00.000Z")
    '2026-01-05 10:01'
    """
    return "-" if time is None else time[:16].replace("T", " ")
