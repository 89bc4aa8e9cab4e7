"""What a search that has ended has shown: the sentence for people, and how much each coefficient mattered."""

from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from search.results import importance, leaderboard, racing
from service.store import searches as search_rows
from service.store import trials
from service.store.tables import SearchRow


class Conclusion(NamedTuple):
    """One sentence, and the document of the importance; both None before the search has ended."""

    statement: str | None
    importance: dict[str, Any] | None


def conclude(session: Session, search: SearchRow) -> Conclusion:
    """Read from the records anew each time; equal ones cost the importance once."""
    if search.state not in search_rows.TERMINAL:
        return Conclusion(None, None)
    records = trials.records(session, search.id)
    classes = search_rows.spec_of(search).data.classes
    plan = racing.rounds(search_rows.spec_of(search))
    found = importance.importance(records)
    statement = leaderboard.statement(records, quantum=plan.quantum, plan=plan, importance=found, classes=classes)
    return Conclusion(statement, found.document())
