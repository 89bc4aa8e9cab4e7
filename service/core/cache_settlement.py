"""One run that takes over the result of an equal training, before any worker asks for it.

Workers that ask for work do it too (`leases.claim`), but the only worker may be busy for hours, and serves the oldest
search first: one whose networks are all known need not wait for that.
"""

from importlib import import_module

from sqlalchemy.orm import Session

from search.space import catalogue
from service.core import result_cache, searches
from service.store import runs, trained
from service.store import searches as search_rows
from service.store.tables import RunRow, SearchRow


def may_settle(session: Session, search_id: str) -> bool:
    """Whether there can be results for a search; what its proposals need is then loaded, as for `POST /leases`."""
    search = session.get(SearchRow, search_id)
    if search is None or search.state not in search_rows.OPEN or not trained.by_owner(session, search.owner):
        return False
    spec = search_rows.spec_of(search)
    if not spec.reuse:
        return False
    import_module("search.proposals.study")
    catalogue.of(spec)
    return True


def settle_next(session: Session, search_id: str, now: float) -> RunRow | None:
    """A run of the search that has taken a result over; None when the next one has to be trained, or there is none.

    A proposal that has to be trained is withdrawn: it is made when a worker asks.
    """
    search = search_rows.try_lock(session, search_id)
    if search is None or search.state not in search_rows.OPEN:
        return None
    passed: list[int] = []
    while (queued := runs.next_queued(session, search_id, passed=passed)) is not None:
        if result_cache.adopt(session, search, queued, now):
            return queued
        passed.append(queued.id)
    savepoint = session.begin_nested()
    proposed = searches.propose(session, search, now)
    if proposed is not None and result_cache.adopt(session, search, proposed, now):
        savepoint.commit()
        return proposed
    savepoint.rollback()
    return None
