"""The leaderboard: trials ranked, selected and paged in SQL, by keyset so that page 100 costs what page 1 does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from service.filters import OPERATORS, Comparison
from service.tables import TrialRow

SORTABLE = (
    "number",
    "accuracy",
    "macs",
    "macs_ratio",
    "params",
    "activations",
    "resolution",
    "receptive_field",
    "alpha",
    "beta",
    "gamma",
    "train_accuracy",
    "generalization_gap",
    "last_accuracy",
    "best_accuracy",
    "best_epoch",
    "test_accuracy",
    "seeds",
    "epochs",
    "device_seconds",
    "compile_seconds",
    "latency_ms",
    "images_per_second",
    "peak_memory_bytes",
)
Place = tuple[float | None, ...]  # where a page ends: the sort values of its last row
Order = list[tuple[ColumnElement[Any], bool]]  # expression, whether it descends


@dataclass(frozen=True, slots=True)
class Selection:
    """Which trials of a search a leaderboard shows: those that pass `where`, and of them perhaps the Pareto front."""

    search_id: str
    where: tuple[Comparison, ...] = ()
    pareto: bool = False

    def clauses(self) -> list[ColumnElement[bool]]:
        """The conditions of the selection."""
        found: list[ColumnElement[bool]] = [TrialRow.search_id == self.search_id]
        found += [_compared(TrialRow, comparison) for comparison in self.where]
        if self.pareto:
            found += [TrialRow.accuracy.is_not(None), TrialRow.state == "completed", ~self._dominated()]
        return found

    def _dominated(self) -> ColumnElement[bool]:
        """Another selected trial is at least as accurate and as cheap, and better in one of the two."""
        other = aliased(TrialRow)
        no_worse = and_(other.accuracy >= TrialRow.accuracy, other.macs <= TrialRow.macs)
        better = or_(other.accuracy > TrialRow.accuracy, other.macs < TrialRow.macs)
        chosen = [_compared(other, comparison) for comparison in self.where]
        return (
            select(other.id)
            .where(other.search_id == TrialRow.search_id, other.state == "completed", no_worse, better, *chosen)
            .correlate(TrialRow)
            .exists()
        )


def page(
    session: Session, selection: Selection, *, sort: str | None, after: Place | None, limit: int
) -> Sequence[TrialRow]:
    """Ranked trials behind `after`.

    Without `sort`: replicated finalists, then completed, then pruned, each by accuracy. With one: that column (`-`
    before it: highest first), rows without a value last. Ties are broken by number.
    """
    columns = _order(sort)
    statement = select(TrialRow).where(*selection.clauses())
    if after is not None:
        statement = statement.where(_behind(columns, after))
    ordered = statement.order_by(
        *(expression.desc() if descending else expression.asc() for expression, descending in columns)
    )
    return session.scalars(ordered.limit(limit)).all()


def place(row: TrialRow, sort: str | None) -> Place:
    """The sort values of a row: where a page that ends with it ends."""
    if sort is None:
        return row.standing, -1.0 if row.accuracy is None else row.accuracy, row.number
    value: float | None = getattr(row, sort.removeprefix("-"))
    return (1 if value is None else 0), (0.0 if value is None else value), row.number


def rank_before(session: Session, selection: Selection, sort: str | None, row: TrialRow) -> int:
    """How many trials stand before this one."""
    columns = _order(sort)
    flipped = [(expression, not descending) for expression, descending in columns]
    statement = select(func.count()).select_from(TrialRow).where(*selection.clauses())
    return session.execute(statement.where(_behind(flipped, place(row, sort)))).scalar_one()


def _compared(row: type[TrialRow], comparison: Comparison) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = OPERATORS[comparison.operator](getattr(row, comparison.column), comparison.value)
    return condition


def _order(sort: str | None) -> Order:
    if sort is None:
        accuracy = func.coalesce(TrialRow.accuracy, -1.0)
        return [(TrialRow.standing.expression, False), (accuracy, True), (TrialRow.number.expression, False)]
    column = getattr(TrialRow, sort.removeprefix("-"))
    missing = func.coalesce(column * 0, 1)  # 0 where there is a value, 1 where there is none
    value = func.coalesce(column, 0)
    return [(missing, False), (value, sort.startswith("-")), (TrialRow.number.expression, False)]


def _behind(columns: Order, after: Place) -> ColumnElement[bool]:
    """Keyset condition: equal in the first k columns and behind in the next."""
    clauses: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for (expression, descending), value in zip(columns, after, strict=True):
        clauses.append(and_(*equal, expression < value if descending else expression > value))
        equal.append(expression == value)
    return or_(*clauses)
