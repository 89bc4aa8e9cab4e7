"""Where trials wait for each other: whether a run goes on at its rung, is stopped, or is paused until others are there.

A paused run is leased to nobody and keeps its checkpoint; so does one that is stopped and held back, in case too few
others complete. Everything here happens under the lock of its search.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.wording import counted
from search.pruning import brackets, held_back, pruning
from search.pruning.entrant import Entrant
from search.pruning.pruning import Decision
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

    def held(self, run: RunRow) -> str:
        """Why a run is held back, in words."""
        return f"{self._stopped(run)}; it goes on if fewer than {self._needed} complete"

    def going_on(self, run: RunRow) -> str:
        """Why a run that was held back goes on, in words."""
        return f"{self._stopped(run)}, but fewer than {self._needed} completed: it is trained to the end"

    def _stopped(self, run: RunRow) -> str:
        return f"{self.spec.pruner.name} stopped it after epoch {self.entrants[run.number].epoch}"

    @property
    def _needed(self) -> str:
        return counted(self.spec.finalist_count, "trial")


def rung_state(session: Session, search: SearchRow, role: str = "search") -> RungState:
    """The state as it is now; without entrants, which are all trials, where no run of that role is judged."""
    spec = search_rows.spec_of(search)
    ladder = brackets.ladder(spec)
    epochs = None if spec.pruner.name == "curve" else ladder
    return RungState(
        spec,
        search.planned,
        entrants.of(session, search.id, epochs, spec.metric) if ladder and role == "search" else {},
    )


def release_waiting(session: Session, search: SearchRow, now: float, state: RungState | None = None) -> None:
    """Queue the paused runs whose wait is over and that go on; end those that do not."""
    waiting = {run.number: run for run in runs.paused(session, search.id)}
    if not waiting:
        return
    state = state or rung_state(session, search)
    for number, decision in sorted(pruning.settle(state.spec, state.planned, state.entrants, list(waiting)).items()):
        run = waiting[number]
        if decision == "stop":
            prune(session, search, run, now)
        elif decision == "hold":
            _hold(session, run, state.held(run))
            search.version += 1
        else:
            goes_on = decision == "go on"
            resume(session, search, run, now, state.going_on(run) if goes_on else None)


def prune_held_back(session: Session, search: SearchRow, now: float) -> None:
    """End the runs of a search that were held back: nothing will be trained any more."""
    for run in runs.paused(session, search.id):
        if run.reason == held_back.HELD:
            prune(session, search, run, now)


def prune(session: Session, search: SearchRow, run: RunRow, now: float) -> None:
    """End a run that no worker holds with what was reported of it."""
    keep_partial_result(session, search, run)
    run.accuracy = None if run.result is None else run.result["accuracy"]
    origin = None if run.cached_from is None else f"not trained again: its epochs are those of {run.cached_from}"
    run_endings.close(session, search, run, "pruned", now, "pruned", origin)
    run_endings.sweep(session, run)


def pause(session: Session, search: SearchRow, run: RunRow, decision: Decision, state: RungState, now: float) -> None:
    """Set a run aside that no worker holds any more, with what it has come to: it awaits others, or is held back.

    Of one that is held back nobody waits for more: the search has to advance.
    """
    keep_partial_result(session, search, run)
    trial = session.get_one(TrialRow, run.trial_id)
    words = state.held(run) if decision == "hold" else state.awaited(run)
    run.state, run.reason, run.message, run.expires_at = "paused", REASON, words, None
    trial.state, trial.reason, trial.message = "queued", REASON, words
    if decision == "hold":
        _hold(session, run, words)
    search.active -= 1
    session.flush()
    trial_summary.refresh(session, search, trial, now)
    epoch = 0 if run.result is None else run.result["epochs"]
    events.add(session, search.id, "trial.paused", now, number=run.number, seed=run.seed, epoch=epoch, message=words)


def resume(session: Session, search: SearchRow, run: RunRow, now: float, goes_on: str | None = None) -> None:
    """Queue a paused run again: whoever leases it goes on from its checkpoint.

    `goes_on` says why one that was held back does; no rung judges it any more.
    """
    trial = session.get_one(TrialRow, run.trial_id)
    run.state, run.reason, run.message, run.accuracy = "queued", None, None, None
    trial.reason, trial.message = (None, None) if goes_on is None else (held_back.GOES_ON, goes_on)
    search.active += 1
    search.waiting += 1
    search.version += 1
    events.add(session, search.id, "trial.resumed", now, number=run.number, seed=run.seed, message=goes_on)
    session.flush()


def _hold(session: Session, run: RunRow, words: str) -> None:
    """Note of a paused run that its rung has stopped it: proposals see it as if it were pruned."""
    trial = session.get_one(TrialRow, run.trial_id)
    run.reason, run.message = trial.reason, trial.message = held_back.HELD, words
    run.accuracy = None if run.result is None else run.result["accuracy"]
    session.flush()


def keep_partial_result(session: Session, search: SearchRow, run: RunRow) -> None:
    """Keep what was reported as the result so far, and count the device time behind it."""
    before = (run.result or {}).get("device_seconds", 0.0)
    run.result = curves.result(session, search_rows.spec_of(search), run)
    search.device_seconds += (run.result or {}).get("device_seconds", 0.0) - before
