"""The front of a search with several objectives, from its rows."""

from typing import Any

from sqlalchemy.orm import Session

from search.results.front import Front, front_of
from service.store import leaderboard as board
from service.store import searches as search_rows
from service.store.tables import SearchRow

DEFAULT_COSTS = ("macs",)  # what the leaderboard's front of a search with one objective weighs accuracy against


def costs(search: SearchRow) -> tuple[str, ...]:
    """What `pareto=true` weighs accuracy against: the search's own objectives, or multiply-adds where it has none."""
    return tuple(search.spec["objectives"][1:]) or DEFAULT_COSTS


def front(session: Session, search: SearchRow) -> Front | None:
    """Of the trials that were trained to the end, those that none beats; None of a search with one objective."""
    spec = search_rows.spec_of(search)
    if len(spec.objectives) == 1:
        return None
    points = board.points(session, board.Selection(search.id), costs(search))
    return front_of(spec, search.plan["cost"], dict(points))


def document(search: SearchRow, found: Front | None) -> dict[str, Any] | None:
    """As the API tells it."""
    return None if found is None else {"objectives": list(search.spec["objectives"]), **found.document()}
