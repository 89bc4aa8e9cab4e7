"""What a search that has ended has shown: its conclusion with the controls, and how much each coefficient mattered."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from search.results import conclusion, importance
from search.results.conclusion import Conclusion
from search.results.importance import Importance
from service.store import searches as search_rows
from service.store import trials
from service.store.tables import SearchRow


class Concluded(NamedTuple):
    """The conclusion and the importance of the coefficients."""

    conclusion: Conclusion
    importance: Importance


def conclude(session: Session, search: SearchRow) -> Concluded | None:
    """Read from the records anew each time; equal ones cost the importance once. None before the search has ended."""
    if search.state not in search_rows.TERMINAL:
        return None
    records = trials.records(session, search.id)
    found = importance.importance(records)
    return Concluded(conclusion.conclude(search_rows.spec_of(search), records, found), found)
