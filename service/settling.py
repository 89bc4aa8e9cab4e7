"""Taking results over before any worker asks: when a search comes, and when an equal training has ended.

Workers that ask for work do it too (`leases.claim`), but the only worker may be busy for hours, and serves the oldest
search first: one whose networks are all known need not wait for that.
"""

from collections.abc import Sequence
from importlib import import_module

from sqlalchemy.orm import Session

from search.space import catalogue
from service import reuse, searches
from service.kernel import Kernel
from service.store import runs, trained
from service.store import searches as search_rows
from service.tables import RunRow, SearchRow

AT_ONCE = 250  # runs, about 20 ms each: a service that is told to end waits for this; workers settle the rest


def settle(kernel: Kernel, search_ids: Sequence[str]) -> None:
    """Settle what these searches have waiting, and what they propose next, as long as it was trained before."""
    for search_id in search_ids:
        if _may_know(kernel, search_id):
            for _ in range(AT_ONCE):
                with kernel.write() as (session, now):
                    run = _settle_next(session, search_id, now)
                if run is None:
                    break


def _may_know(kernel: Kernel, search_id: str) -> bool:
    """Whether there can be results for a search; what its proposals need is then at hand, as `POST /leases` has it."""
    with kernel.read() as session:
        search = session.get(SearchRow, search_id)
        if search is None or search.state not in search_rows.OPEN or not trained.by_owner(session, search.owner):
            return False
        spec = searches.spec_of(search)
    if not spec.reuse:
        return False
    import_module("search.proposals.study")
    catalogue.of(spec)
    return True


def _settle_next(session: Session, search_id: str, now: float) -> RunRow | None:
    """A run of the search that has taken a result over; None when the next one has to be trained, or there is none.

    A proposal that has to be trained is withdrawn: it is made when a worker asks.
    """
    search = search_rows.try_lock(session, search_id)
    if search is None or search.state not in search_rows.OPEN:
        return None
    passed: list[int] = []
    while (queued := runs.next_queued(session, search_id, passed=passed)) is not None:
        if reuse.adopt(session, search, queued, now):
            return queued
        passed.append(queued.id)
    savepoint = session.begin_nested()
    proposed = searches.propose(session, search, now)
    if proposed is not None and reuse.adopt(session, search, proposed, now):
        savepoint.commit()
        return proposed
    savepoint.rollback()
    return None
