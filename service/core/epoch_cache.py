"""Epochs that need not be trained: a queued run is judged by those of an equal training that was pruned.

It goes from rung to rung as if it reported them itself, and there it is stopped, waits for others, or goes on. Where it
goes on beyond what the other had come to, it is trained, from the first epoch on: a pruned training leaves no
checkpoint behind. The epochs it reports then replace the copied ones.
"""

from sqlalchemy.orm import Session

from search.pruning import brackets
from service.core import rungs, searches
from service.store import searches as search_rows
from service.store import trained
from service.store.tables import RunRow, SearchRow, TrialRow


def follow(session: Session, search: SearchRow, run: RunRow, now: float) -> bool:
    """Whether a queued run of a locked search has got on without training: it was stopped at a rung, or waits there."""
    if run.role != "search" or run.cache_key is None:
        return False
    begun = trained.reached(session, run.id)
    ahead = [rung for rung in brackets.rungs(search_rows.spec_of(search), run.number) if rung > begun]
    origin = trained.pruned(session, run, ahead[0]) if ahead else None
    if origin is None:
        return False
    last = trained.reached(session, origin.id)
    for rung in ahead:
        if rung > last:
            break
        trained.copy_between(session, origin, run, begun, rung)
        begun, state = rung, rungs.rung_state(session, search)
        if (decision := state.decide(run)) == "continue":
            continue
        search.waiting -= 1
        run.cached_from = session.get_one(TrialRow, run.trial_id).cached_from = trained.place(origin)
        searches.begin(session, search, now)
        if decision == "stop":
            rungs.prune(session, search, run, now)
        else:
            rungs.pause(session, search, run, decision, state, now)
        searches.advance(session, search, now)  # also those who waited for these epochs
        return True
    return False
