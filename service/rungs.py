"""Where trials wait for each other: whether a run goes on at its rung, is stopped, or is paused until others are there.

A paused run is leased to nobody and keeps its checkpoint. Everything here happens under the lock of its search.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from search import blocks, pruning
from search.pruning import Entrant, Verdict
from search.spec import SearchSpec
from service import curves, searches
from service.store import entrants, events, runs
from service.tables import RunRow, SearchRow, TrialRow

REASON = "awaiting-rung"
SWEPT = "checkpoints of runs that ended without a worker"  # under this name a session keeps (search id, run id)


def verdict(session: Session, search: SearchRow, run: RunRow) -> Verdict:
    """What becomes of a run with all that has been reported of the search."""
    spec = searches.spec_of(search)
    if run.role != "search" or not blocks.ladder(spec):
        return "continue"
    return pruning.verdict(spec, search.planned, _entrants(session, search, spec), run.number)


def settled(session: Session, search: SearchRow) -> list[tuple[RunRow, Verdict]]:
    """The paused runs whose wait is over, by trial number: those that go on, and those that are stopped."""
    waiting = {run.number: run for run in runs.paused(session, search.id)}
    if not waiting:
        return []
    spec = searches.spec_of(search)
    found = pruning.settle(spec, search.planned, _entrants(session, search, spec), list(waiting))
    return [(waiting[number], each) for number, each in sorted(found.items())]


def pause(session: Session, search: SearchRow, run: RunRow, now: float) -> None:
    """Set a run aside that no worker holds any more, with what it has come to so far."""
    spec = searches.spec_of(search)
    note(session, search, spec, run)
    trial = session.get_one(TrialRow, run.trial_id)
    words = pruning.awaited(spec, search.planned, _entrants(session, search, spec), run.number)
    run.state, run.reason, run.message, run.expires_at = "paused", REASON, words, None
    trial.state, trial.reason, trial.message = "queued", REASON, words
    search.active -= 1
    session.flush()
    searches.record(session, search, trial, now)
    epoch = 0 if run.result is None else run.result["epochs"]
    events.add(session, search.id, "trial.paused", now, number=run.number, seed=run.seed, epoch=epoch, message=words)


def resume(session: Session, search: SearchRow, run: RunRow, now: float) -> None:
    """Queue a paused run again: whoever leases it goes on from its checkpoint."""
    trial = session.get_one(TrialRow, run.trial_id)
    run.state, run.reason, run.message = "queued", None, None
    trial.reason, trial.message = None, None
    search.active += 1
    search.waiting += 1
    search.version += 1
    events.add(session, search.id, "trial.resumed", now, number=run.number, seed=run.seed)
    session.flush()


def note(session: Session, search: SearchRow, spec: SearchSpec, run: RunRow) -> None:
    """Keep what was reported as the result so far, and count the device time behind it."""
    before = (run.result or {}).get("device_seconds", 0.0)
    run.result = curves.result(session, spec, run)
    search.device_seconds += (run.result or {}).get("device_seconds", 0.0) - before


def sweep(session: Session, run: RunRow) -> None:
    """Have the checkpoint files of a run deleted once the transaction is through; its rows are gone by then."""
    session.info.setdefault(SWEPT, set()).add((run.search_id, run.id))


def _entrants(session: Session, search: SearchRow, spec: SearchSpec) -> Mapping[int, Entrant]:
    whole = spec.pruner.name == "curve"
    return entrants.of(session, search.id, None if whole else blocks.ladder(spec))
