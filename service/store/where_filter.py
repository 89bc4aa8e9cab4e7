"""The leaderboard's `where`: comparisons of known columns with numbers, joined by `and`. No SQL comes from a client."""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.errors import BadQuery

# of a column and a number, where it gives a condition: the operators of SQLAlchemy are not those of numbers
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
MAX_COMPARISONS = 20
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
COMPARISON = re.compile(rf"\s*([a-z_0-9]+)\s*(<=|>=|==|!=|<|>|=)\s*({NUMBER})\s*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column operator value`, as in `params < 8e6`."""

    column: str
    operator: str
    value: float


def parse(text: str, columns: Sequence[str]) -> tuple[Comparison, ...]:
    """The comparisons of a filter; `BadQuery` says what was not understood and what is allowed.

    >>> parse("params < 8e6 and accuracy >= 0.9", ["params", "accuracy"])[0]
    Comparison(column='params', operator='<', value=8000000.0)
    """
    parts = re.split(r"\band\b", text)
    if len(parts) > MAX_COMPARISONS:
        raise BadQuery(f"where takes at most {MAX_COMPARISONS} comparisons, got {len(parts)}")
    return tuple(_comparison(part, columns) for part in parts)


def _comparison(part: str, columns: Sequence[str]) -> Comparison:
    match = COMPARISON.fullmatch(part)
    if match is None:
        raise BadQuery(
            f"cannot read {part.strip()!r} in where: write comparisons such as 'params < 8e6 and accuracy >= 0.9'"
        )
    column, symbol, number = match.groups()
    if column not in columns:
        raise BadQuery(f"cannot filter by {column!r}; allowed: {', '.join(columns)}")
    return Comparison(column, symbol, float(number))
