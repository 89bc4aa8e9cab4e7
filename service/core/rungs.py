"""Where trials wait for each other: whether a run goes on at its rung, is stopped, or is paused until others are there.

A paused run is leased to nobody and keeps its checkpoint. Everything here happens under the lock of its search.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from search.pruning import brackets, pruning
from search.pruning.pruning import Decision, Entrant
from search.spec.spec import SearchSpec
from service.core import curves, run_endings, trial_summary
from service.store import entrants, events, runs
from service.store import searches as search_rows
from service.store.tables import RunRow, SearchRow, TrialRow

REASON = "awaiting-rung"


@dataclass(frozen=True, slots=True)
class RungState:
    """All that has been reported of a search, to judge its runs by."""

    spec: SearchSpec
    planned: int
    entrants: Mapping[int, Entrant]

    def decide(self, run: RunRow) -> Decision:
        """What becomes of a run."""
        if run.role != "search" or not self.entrants:
            return "continue"
        return pruning.decide(self.spec, self.planned, self.entrants, run.number)

    def awaited(self, run: RunRow) -> str:
        """What a run waits for, in words."""
        return pruning.awaited(self.spec, self.planned, self.entrants, run.number)


def rung_state(session: Session, search: SearchRow, role: str = "search") -> RungState:
    """The state as it is now; without entrants, which are all trials, where no run of that role is judged."""
    spec = search_rows.spec_of(search)
    ladder = brackets.ladder(spec)
    epochs = None if spec.pruner.name == "curve" else ladder
    return RungState(
        spec, search.planned, entrants.of(session, search.id, epochs) if ladder and role == "search" else {}
    )


def release_waiting(session: Session, search: SearchRow, now: float, state: RungState | None = None) -> None:
    """Queue the paused runs whose wait is over and that go on; end those that do not."""
    waiting = {run.number: run for run in runs.paused(session, search.id)}
    if not waiting:
        return
    state = state or rung_state(session, search)
    for number, decision in sorted(pruning.settle(state.spec, state.planned, state.entrants, list(waiting)).items()):
        if decision == "continue":
            resume(session, search, waiting[number], now)
        else:
            prune(session, search, waiting[number], now)


def prune(session: Session, search: SearchRow, run: RunRow, now: float) -> None:
    """End a run that no worker holds with what was reported of it."""
    keep_partial_result(session, search, run)
    run.accuracy = None if run.result is None else run.result["accuracy"]
    origin = None if run.cached_from is None else f"not trained again: its epochs are those of {run.cached_from}"
    run_endings.close(session, search, run, "pruned", now, "pruned", origin)
    run_endings.sweep(session, run)


def pause(session: Session, search: SearchRow, run: RunRow, words: str, now: float) -> None:
    """Set a run aside that no worker holds any more, with what it has come to so far and the words that say why."""
    keep_partial_result(session, search, run)
    trial = session.get_one(TrialRow, run.trial_id)
    run.state, run.reason, run.message, run.expires_at = "paused", REASON, words, None
    trial.state, trial.reason, trial.message = "queued", REASON, words
    search.active -= 1
    session.flush()
    trial_summary.refresh(session, search, trial, now)
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


def keep_partial_result(session: Session, search: SearchRow, run: RunRow) -> None:
    """Keep what was reported as the result so far, and count the device time behind it."""
    before = (run.result or {}).get("device_seconds", 0.0)
    run.result = curves.result(session, search_rows.spec_of(search), run)
    search.device_seconds += (run.result or {}).get("device_seconds", 0.0) - before
