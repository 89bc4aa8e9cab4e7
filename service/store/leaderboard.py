"""The leaderboard: trials ranked, selected and paged in SQL, by keyset so that page 100 costs what page 1 does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from search.results.leaderboard import COMPLETED, PROBE
from search.results.objectives import Point, front
from search.results.trial_records import FINISHED
from service.store.tables import SCORE_OR_LESS, SearchRow, TrialRow
from service.store.where_filter import OPERATORS, Comparison

# Not among them, nor in filters: test_accuracy and test_score. Nobody can choose by what cannot be asked for.
SORTABLE = (
    "number",
    "score",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
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
    """Which trials of a search a leaderboard shows: those that pass `where`, and of them only these `numbers`."""

    search_id: str
    where: tuple[Comparison, ...] = ()
    numbers: tuple[int, ...] | None = None

    def clauses(self) -> list[ColumnElement[bool]]:
        """The conditions of the selection. Probes are of another phi: none ranks them."""
        found: list[ColumnElement[bool]] = [TrialRow.search_id == self.search_id, TrialRow.standing < PROBE]
        found += [_compared(comparison) for comparison in self.where]
        if self.numbers is not None:  # written out: a statement takes fewer parameters than a front may have trials
            found.append(TrialRow.number.in_(bindparam("numbers", self.numbers, expanding=True, literal_execute=True)))
        return found


def on_front(session: Session, selection: Selection, costs: Sequence[str]) -> Selection:
    """Of the selected trials those that were trained to the end and that none beats in accuracy and these costs.

    Which they are is found by a sweep over all points: in SQL each trial would be compared with each.
    """
    found = points(session, selection, costs)
    return replace(selection, numbers=tuple(found[at][0] for at in front([point for _, point in found])))


def page(
    session: Session, selection: Selection, *, sort: str | None, after: Place | None, limit: int
) -> Sequence[TrialRow]:
    """Ranked trials behind `after`.

    Without `sort`: replicated finalists (those that lead a race first), then completed, then pruned, each by accuracy.
    With one: that column (`-`
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


def leaders(session: Session, search_ids: Sequence[str]) -> dict[str, TrialRow]:
    """The trial that each search names; before its end the first of the leaderboard.

    Searches are missing of which none was trained to the end.
    """
    ranked = (expression.desc() if descending else expression.asc() for expression, descending in _order(None))
    first = select(TrialRow.id).where(TrialRow.search_id == SearchRow.id, TrialRow.standing <= COMPLETED)
    first = first.order_by(*ranked).limit(1).correlate(SearchRow)
    named = select(TrialRow.id).where(TrialRow.search_id == SearchRow.id, TrialRow.number == SearchRow.chosen)
    either = func.coalesce(named.correlate(SearchRow).scalar_subquery(), first.scalar_subquery())
    chosen = select(either).where(SearchRow.id.in_(search_ids))
    return {row.search_id: row for row in session.scalars(select(TrialRow).where(TrialRow.id.in_(chosen)))}


def points(session: Session, selection: Selection, costs: Sequence[str]) -> list[tuple[int, Point]]:
    """(number, point) of the selected trials that were trained to the end; a point is an `objectives.vector`."""
    columns = (TrialRow.number, TrialRow.score, *(-getattr(TrialRow, name) for name in costs))
    done = TrialRow.state.in_(FINISHED), TrialRow.score.is_not(None)
    statement = select(*columns).where(*selection.clauses(), *done)
    rows = session.execute(statement).all()
    if not rows:
        return []
    numbers, *places = zip(*rows, strict=True)  # by column: thousands of trials are read at each look at a front
    return list(zip(numbers, zip(*map(_endless, places), strict=True), strict=True))


def _endless(place: Sequence[float | None]) -> Sequence[float]:
    return [-math.inf if value is None else value for value in place] if None in place else cast(Sequence[float], place)


def place(row: TrialRow, sort: str | None) -> Place:
    """The sort values of a row: where a page that ends with it ends."""
    if sort is None:
        return row.standing, -1.0 if row.score is None else row.score, row.number
    value: float | None = getattr(row, sort.removeprefix("-"))
    return (1 if value is None else 0), (0.0 if value is None else value), row.number


def rank_before(session: Session, selection: Selection, sort: str | None, row: TrialRow) -> int:
    """How many trials stand before this one."""
    columns = _order(sort)
    flipped = [(expression, not descending) for expression, descending in columns]
    statement = select(func.count()).select_from(TrialRow).where(*selection.clauses())
    return session.execute(statement.where(_behind(flipped, place(row, sort)))).scalar_one()


def _compared(comparison: Comparison) -> ColumnElement[bool]:
    column = getattr(TrialRow, comparison.column)
    condition: ColumnElement[bool] = OPERATORS[comparison.operator](column, comparison.value)
    return condition


def _order(sort: str | None) -> Order:
    if sort is None:
        return [(TrialRow.standing.expression, False), (SCORE_OR_LESS, True), (TrialRow.number.expression, False)]
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
