"""The life of a search: submit, propose trials, advance to the finals and the end, pause, cancel, delete."""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from search.errors import CatalogueExhausted
from search.planning import lifecycle
from search.planning.plan import plan
from search.results import trial_records
from search.results.training_key import training_key
from search.results.trial_records import TrialRecord
from search.space import catalogue
from search.spec.spec import SearchSpec
from service.core import controls, finals, new_trials, probes, proposals, rungs, trial_summary
from service.errors import Conflict, IdempotencyMismatch
from service.store import events, runs, searches, trials
from service.store.tables import IdempotencyRow, RunRow, SearchRow, TrialRow
from service.store.timings import timings


def body_sha256(spec: SearchSpec) -> str:
    """Names a body by its meaning: the order of fields and defaults written out or not make no difference.

    Which bytes the weights of that name had makes none either: a request may be repeated after they changed.
    """
    document = spec.document()
    (document["start"] or {}).pop("sha256", None)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def submit(
    session: Session,
    spec: SearchSpec,
    owner: str,
    key: str | None,
    now: float,
    pin: Callable[[SearchSpec], SearchSpec] = lambda spec: spec,
) -> tuple[SearchRow, bool]:
    """Store a search; with an Idempotency-Key at most once. Returns it, and whether it is new.

    `pin` fills in what a name means at this moment. Raises `InvalidSpec` when the spec cannot be searched,
    `IdempotencyMismatch` for a key with another body.
    """
    digest = body_sha256(spec)
    if key is not None and (known := searches.idempotent(session, owner, key)):
        if known.body_sha256 != digest:
            raise IdempotencyMismatch
        return searches.get(session, known.search_id, owner), False
    spec = proposals.resolved(session, pin(spec), owner)
    feasible = len(catalogue.of(spec).feasible)
    row = SearchRow(
        id=f"s{secrets.token_hex(8)}",
        owner=owner,
        name=spec.name or f"{spec.network.name} on {spec.dataset}"[:200],
        state="queued",
        spec=spec.document(),
        plan=plan(spec, timings(session, owner)),
        priority=spec.priority,
        parallelism=spec.parallelism,
        planned=min(spec.trials, feasible),
        proposed=0,
        active=0,
        waiting=0,
        version=0,
        device_seconds=0.0,
        created_at=now,
    )
    session.add(row)
    session.flush()
    if key is not None:
        session.add(IdempotencyRow(owner=owner, key=key, body_sha256=digest, search_id=row.id, created_at=now))
    events.add(session, row.id, "search.queued", now, name=row.name)
    session.flush()
    return row, True


def propose(session: Session, search: SearchRow, now: float) -> RunRow | None:
    """The next trial of a locked search with its search run, or None when it wants none now."""
    spec = searches.spec_of(search)
    step = proposals.wanted(session, search, spec)
    if not isinstance(step, lifecycle.Propose):
        if step is None:  # the last device seconds went by
            return _close(session, search, now)
        return None
    space = catalogue.of(spec)
    try:
        proposal = proposals.network(session, search, spec, step.number)
    except CatalogueExhausted:
        return _close(session, search, now)
    candidate = proposal.candidate
    trial = new_trials.new(
        search,
        spec,
        step.number,
        candidate.coefficients,
        catalogue.architecture(spec, candidate),
        now,
        base_macs=space.baseline_cost.macs,
        phi=spec.phi,
        note=proposal.note,
    )
    session.add(trial)
    session.flush()
    search.proposed += 1
    search.active += 1
    return _queue(session, search, trial, spec.seed, "search")


def advance(session: Session, search: SearchRow, now: float) -> None:
    """Move a locked search on: trials that wait at a rung; when none is left to the finals, or to its end."""
    spec = searches.spec_of(search)
    if spec.max_device_seconds is not None and search.device_seconds >= spec.max_device_seconds:
        search.planned = search.proposed
    session.flush()
    rungs.release_waiting(session, search, now)
    if search.state not in searches.OPEN or search.active or runs.unfinished(session, search.id):
        return
    if search.proposed < search.planned:
        return
    records, raced = finals.marked(session, search, spec)
    step = lifecycle.next_step(spec, search.planned, records)
    if isinstance(step, lifecycle.Fail):
        change(session, search, "failed", now, step.reason, step.message)
    elif isinstance(step, lifecycle.Succeed):
        finals.add_round_event(session, search, raced, now)
        finals.finish(session, search, spec, records)
        change(session, search, "succeeded", now)
    elif not isinstance(step, lifecycle.Wait | lifecycle.Propose):
        if isinstance(step, lifecycle.Finals):
            finals.add_round_event(session, search, raced, now)
        _queue_all(session, search, spec, records, step, now)
        if search.state != "finalizing":  # a race has more rounds than one, and controls and probes follow
            change(session, search, "finalizing", now)


def _queue_all(
    session: Session,
    search: SearchRow,
    spec: SearchSpec,
    records: Sequence[TrialRecord],
    step: lifecycle.Finals | lifecycle.Control | lifecycle.Probe,
    now: float,
) -> None:
    """Queue the runs of a step behind the search runs."""
    if isinstance(step, lifecycle.Finals):
        for number, seed in step.runs:
            trial = trials.get(session, search.id, number)
            trial.finalist = True
            _queue(session, search, trial, seed, "final")
    elif isinstance(step, lifecycle.Control):
        for trial, seed in controls.begin(session, search, spec, records, step.runs, now):
            _queue(session, search, trial, seed, "control")
    else:
        for trial, seed in probes.begin(session, search, spec, records, step.runs, now):
            _queue(session, search, trial, seed, "probe")


def change(
    session: Session, search: SearchRow, state: str, now: float, reason: str | None = None, message: str | None = None
) -> None:
    """Put a locked search into a state and tell it."""
    search.state, search.reason, search.message = state, reason, message
    search.version += 1
    if state == "running" and search.started_at is None:
        search.started_at = now
    if state in searches.TERMINAL:
        search.finished_at = now
    events.add(session, search.id, f"search.{state}", now, reason=reason, message=message)


def begin(session: Session, search: SearchRow, now: float) -> None:
    """A queued search runs as soon as anything of it gets on, by training or without. Repeating is harmless."""
    if search.state == "queued":
        change(session, search, "running", now)


def pause(session: Session, search: SearchRow, now: float) -> None:
    """Lease nothing more; what runs is told to save itself and stop. Repeating is harmless."""
    if search.state == "paused":
        return
    if search.state not in searches.OPEN:
        raise Conflict(f"a search that is {search.state} cannot be paused")
    change(session, search, "paused", now, "paused-by-user", "paused; resume it to go on")


def resume(session: Session, search: SearchRow, now: float) -> None:
    """Go on after a pause. Repeating is harmless."""
    if search.state in searches.OPEN:
        return
    if search.state != "paused":
        raise Conflict(f"a search that is {search.state} cannot be resumed")
    finalizing = any(run.role != "search" for run in runs.unfinished(session, search.id))
    change(session, search, "finalizing" if finalizing else "running", now)
    events.add(session, search.id, "search.resumed", now)
    advance(session, search, now)


def cancel(session: Session, search: SearchRow, now: float) -> None:
    """End a search now. Finished trials keep their results; running ones are told at their next report."""
    if search.state == "cancelled":
        return
    if search.state in searches.TERMINAL:
        raise Conflict(f"the search has already {search.state}; it cannot be cancelled")
    rungs.prune_held_back(session, search, now)
    for run in runs.unfinished(session, search.id):
        runs.end_attempt(session, run, now, "cancelled")
        runs.forget_checkpoints(session, run.id)
        run.state, run.reason, run.expires_at = "cancelled", "search-cancelled", None
        trial = session.get_one(TrialRow, run.trial_id)
        if run.role == "search":
            trial.state, trial.reason, trial.message = "cancelled", "search-cancelled", "the search was cancelled"
        session.flush()
        trial_summary.refresh(session, search, trial, now)
    search.active = search.waiting = 0
    change(session, search, "cancelled", now, "cancelled-by-user", "cancelled; finished trials keep their results")


def _close(session: Session, search: SearchRow, now: float) -> RunRow | None:
    """Propose no more. A trial that waited for those to come may go on: it is the next to be leased."""
    search.planned = search.proposed
    advance(session, search, now)
    return runs.next_queued(session, search.id)


def _queue(session: Session, search: SearchRow, trial: TrialRow, seed: int, role: str) -> RunRow:
    key = training_key(
        searches.spec_of(search),
        search.owner,
        network=trial.key,
        dropout=trial.dropout,
        drop_path=trial.drop_path,
        seed=seed,
        is_probe=role == "probe",
    )
    run = RunRow(
        search_id=search.id,
        trial_id=trial.id,
        number=trial.number,
        seed=seed,
        role=role,
        state="queued",
        lease_epoch=0,
        attempts=0,
        cache_key=key,
    )
    session.add(run)
    search.waiting += 1
    search.version += 1
    session.flush()
    return run


def state_counts(counts: dict[str, int], planned: int) -> dict[str, Any]:
    """Trials per state, zeros written out."""
    states = ("queued", "running", *trial_records.ENDS)
    return {"planned": planned, **{state: counts.get(state, 0) for state in states}}
