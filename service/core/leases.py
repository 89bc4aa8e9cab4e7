"""The lease protocol: who may train what, for how long, and whose words count.

Every lease of a run has a larger `lease_epoch` than the one before. A write that carries an older one is refused and
changes nothing, so a worker that was taken for dead and wakes up again can do no harm. Running is at least once,
recording exactly once.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from models.wording import counted
from search.pruning import brackets
from search.results import leaderboard
from service.core import curves, result_cache, run_endings, rungs, searches
from service.errors import LeaseLost
from service.protocol.requests import EpochMetrics, FinishIn, LeaseIn, ReleaseIn, ReportIn
from service.store import events, runs, trained
from service.store import searches as search_rows
from service.store.tables import AttemptRow, EpochRow, RunRow, SearchRow, TrialRow

Command = Literal["continue", "stop", "cancel", "drain"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the service grants: how long a lease lasts, and how many attempts a run gets."""

    lease_seconds: float
    max_attempts: int


def reclaim(session: Session, ask: LeaseIn, terms: Terms, now: float) -> RunRow | None:
    """The first of the leases that this worker holds already, if it does: one, with its companions.

    The same process gets them back unchanged (its answer was lost on the way). Another process of the same name means
    that the old one is gone: its leases end here, and count.
    """
    held = runs.held_by(session, ask.worker)
    search = search_rows.try_lock(session, held[0].search_id) if held else None
    if search is None:
        return None
    held = [run for run in runs.held_by(session, ask.worker) if run.search_id == search.id]
    kept = [run for run in held if run.process == ask.process]
    for run in held:
        if run in kept:
            run.expires_at = now + terms.lease_seconds
        else:
            _requeue(session, search, run, terms, now, "replaced", f"worker {ask.worker} was started again")
    return kept[0] if kept else None


def claim(session: Session, ask: LeaseIn, terms: Terms, now: float) -> RunRow | None:
    """Lease the next run there is, proposing a new trial where a search wants one; None when there is no work.

    A worker that trains several seeds at once is leased the run's companions with it: `runs.held_by` names them all.
    A run in another state than `running` was settled without training, or waits for an equal training: ask again, in
    another transaction, because the search has moved on. None also for a worker that holds a lease: another request of
    it was quicker, and `reclaim` answers the next one.
    """
    runs.lock_worker(session, ask.worker)
    if runs.held_by(session, ask.worker):
        return None
    for search_id in search_rows.claimable(session):
        search = search_rows.try_lock(session, search_id)
        if search is None or search.state not in search_rows.OPEN:
            continue
        if runs.busy(session, search_id) >= search.parallelism:
            continue
        run = _move_on(session, search, ask, terms, now)
        if run is not None:
            return run
    return None


def report(session: Session, lease_id: str, body: ReportIn, terms: Terms, now: float) -> tuple[Command, str | None]:
    """Take an epoch's metrics, or a sign of life, and say how to go on."""
    if body.epoch is None and runs.renew(session, lease_id, body.lease_epoch, now + terms.lease_seconds):
        search = session.get_one(SearchRow, runs.by_lease(session, lease_id).search_id)
        return ("drain", "search-paused") if search.state == "paused" else ("continue", None)
    search, run = locked(session, lease_id, body.lease_epoch)
    if run.state == "cancelled":
        return "cancel", run.reason
    if run.state != "running":
        raise LeaseLost
    run.expires_at = now + terms.lease_seconds
    if body.epoch is not None and body.metrics is not None:
        _note_epoch(session, search, run, body.epoch, body.metrics, now)
        if run.role == "search" and body.epoch in brackets.rungs(search_rows.spec_of(search), run.number):
            return _at_rung(session, search, run, now)
    return ("drain", "search-paused") if search.state == "paused" else ("continue", None)


def finish(session: Session, lease_id: str, body: FinishIn, now: float) -> RunRow:
    """Record how a run ended, once. Repeating it, or finishing what was cancelled meanwhile, changes nothing."""
    search, run = locked(session, lease_id, body.lease_epoch)
    if run.state != "running":
        if run.state in runs.OPEN:
            raise LeaseLost
        return run
    outcome = "failed" if body.outcome == "cancelled" else body.outcome
    if body.result is not None:
        counted = (run.result or {}).get("device_seconds", 0.0)  # when it was paused
        run.result = {**body.result.model_dump(), **curves.histories(session, run)}
        run.accuracy = body.result.accuracy if outcome in ("completed", "pruned") else None
        search.device_seconds += body.result.device_seconds - counted
    else:
        rungs.keep_partial_result(session, search, run)
    _end(session, search, run, outcome, now, body.reason, body.message)
    return run


def release(session: Session, lease_id: str, body: ReleaseIn, terms: Terms, now: float) -> RunRow:
    """Give a run back unfinished, to be leased again; the run. A worker that drains does not use up an attempt."""
    search, run = locked(session, lease_id, body.lease_epoch)
    if run.state != "running":
        return run
    if body.reason == "drain":
        run.attempts -= 1
    _requeue(session, search, run, terms, now, body.reason, body.message)
    return run


def expire(session: Session, search_id: str, run_id: int, terms: Terms, now: float) -> bool:
    """End a lease whose worker has been silent for too long; False when it is alive after all."""
    search = search_rows.try_lock(session, search_id)
    run = session.get(RunRow, run_id, populate_existing=True)
    if search is None or run is None or run.state != "running" or run.expires_at is None or run.expires_at >= now:
        return False
    silent = f"worker {run.worker} was silent for {terms.lease_seconds:g} s"
    _requeue(session, search, run, terms, now, "lease-expired", silent)
    return True


def locked(session: Session, lease_id: str, lease_epoch: int) -> tuple[SearchRow, RunRow]:
    """The run of a lease and its search, locked; `LeaseLost` when the fencing number is not the newest."""
    search = search_rows.try_lock(session, runs.by_lease(session, lease_id).search_id)
    if search is None:
        raise LeaseLost
    run = runs.by_lease(session, lease_id)
    if run.lease_epoch != lease_epoch:
        raise LeaseLost
    return search, run


def _move_on(session: Session, search: SearchRow, ask: LeaseIn, terms: Terms, now: float) -> RunRow | None:
    """The next run of a locked search: leased, settled by an equal training, or proposed and waiting for one."""
    passed: list[int] = []  # queued runs whose key somebody else decides about in this very moment
    run = runs.next_queued(session, search.id, ask.programs, passed)
    while run is not None and not trained.reserve(session, run):
        passed.append(run.id)
        run = runs.next_queued(session, search.id, ask.programs, passed)
    if run is None:
        run = searches.propose(session, search, now)
        if run is None or run.id in passed:
            return None
        if not trained.reserve(session, run):
            return run
    return run if result_cache.adopt(session, search, run, now) else _grant(session, search, run, ask, terms, now)


def _grant(session: Session, search: SearchRow, run: RunRow, ask: LeaseIn, terms: Terms, now: float) -> RunRow:
    for each in (run, *_companions(session, search, run, ask)):
        _grant_one(session, search, each, ask, terms, now)
    return run


def _companions(session: Session, search: SearchRow, run: RunRow, ask: LeaseIn) -> Sequence[RunRow]:
    """The queued runs that this worker trains together with a run. Together they are one of the search's parallelism.

    Not those that an equal training settles: they are left for another claim.
    """
    if ask.pack == 1:
        return ()
    found = runs.companions(session, run, ask.pack - 1)
    return [one for one in found if trained.reserve(session, one) and not result_cache.is_known(session, search, one)]


def _grant_one(session: Session, search: SearchRow, run: RunRow, ask: LeaseIn, terms: Terms, now: float) -> None:
    run.state, run.reason, run.message, run.cached_from = "running", None, None, None
    run.lease_id, run.lease_epoch = f"l{secrets.token_hex(12)}", run.lease_epoch + 1
    run.worker, run.process = ask.worker, ask.process
    run.expires_at, run.attempts = now + terms.lease_seconds, run.attempts + 1
    search.waiting -= 1
    trial = session.get_one(TrialRow, run.trial_id)
    trial.attempts += 1
    if run.role == "search" or trial.standing >= leaderboard.PROBE:
        trial.state, trial.started_at, trial.cached_from = "running", trial.started_at or now, None
    session.add(
        AttemptRow(
            run_id=run.id,
            lease_epoch=run.lease_epoch,
            worker=ask.worker,
            devices=[device.model_dump() for device in ask.devices],
            versions=ask.versions,
            started_at=now,
        )
    )
    searches.begin(session, search, now)
    search.version += 1
    events.add(session, search.id, "trial.started", now, number=run.number, seed=run.seed, role=run.role)
    session.flush()


def _note_epoch(
    session: Session, search: SearchRow, run: RunRow, epoch: int, metrics: EpochMetrics, now: float
) -> None:
    # the search is locked: nobody else writes this epoch; a resumed attempt overwrites it with equal numbers
    session.merge(
        EpochRow(
            run_id=run.id,
            epoch=epoch,
            search_id=search.id,
            role=run.role,
            lease_epoch=run.lease_epoch,
            validation_accuracy=metrics.validation_accuracy,
            metrics=metrics.model_dump(),
        )
    )
    events.add(
        session,
        search.id,
        "trial.epoch",
        now,
        number=run.number,
        seed=run.seed,
        role=run.role,
        epoch=epoch,
        validation_accuracy=metrics.validation_accuracy,
        train_accuracy=metrics.train_accuracy,
    )


def _at_rung(session: Session, search: SearchRow, run: RunRow, now: float) -> tuple[Command, str | None]:
    """What a run is told that has reached a rung, by which others may learn what becomes of them."""
    state = rungs.rung_state(session, search)
    decision = state.decide(run)
    rungs.release_waiting(session, search, now, state)
    if decision == "stop":
        return "stop", "pruned"
    if search.state == "paused":
        return "drain", "search-paused"
    return ("continue", None) if decision == "continue" else ("drain", rungs.REASON)


def _requeue(
    session: Session, search: SearchRow, run: RunRow, terms: Terms, now: float, reason: str, message: str | None
) -> None:
    if run.attempts >= terms.max_attempts and reason != "drain":
        rungs.keep_partial_result(session, search, run)
        evidence = f"gave up after {counted(run.attempts, 'attempt')}; the last: {message or reason}"
        _end(session, search, run, "quarantined", now, reason, evidence)
        return
    state = rungs.rung_state(session, search, run.role)
    decision = state.decide(run)
    waits = decision in ("await", "hold")
    runs.end_attempt(session, run, now, "paused" if waits and reason == "drain" else reason, message)
    if waits:
        rungs.pause(session, search, run, decision, state, now)
        if decision == "hold":  # whoever waited for it need not any more; it may itself be what is lacking
            searches.advance(session, search, now)
        return
    if decision == "stop":
        rungs.prune(session, search, run, now)
        searches.advance(session, search, now)
        return
    run.state, run.reason, run.message, run.expires_at = "queued", reason, message, None
    search.waiting += 1
    if run.role == "search":
        session.get_one(TrialRow, run.trial_id).state = "queued"
    search.version += 1
    events.add(
        session, search.id, "run.requeued", now, number=run.number, seed=run.seed, reason=reason, message=message
    )
    session.flush()


def _end(
    session: Session,
    search: SearchRow,
    run: RunRow,
    outcome: str,
    now: float,
    reason: str | None,
    message: str | None,
) -> None:
    run_endings.close(session, search, run, outcome, now, reason, message)
    searches.advance(session, search, now)
