"""Reuses the stored result of an identical training: a queued run takes over what was trained to the end.

What is copied is all that a training leaves behind, so that the source may be deleted afterwards. It cost nothing here:
device and compile seconds of the copy are 0.
"""

from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from models.compiler.reports import Compilation
from service.core import epoch_cache, run_endings, searches
from service.store import runs, trained
from service.store import searches as search_rows
from service.store.tables import RunRow, SearchRow, TrialRow

TRAINED_ON = "trained_on"  # in a copy's result: devices and versions of the worker that trained


def adopt(session: Session, search: SearchRow, run: RunRow, now: float) -> bool:
    """Settle a queued run of a locked search as `cached` if an equal one was trained to the end; whether it got on.

    So it does, too, where an equal one was pruned and its epochs are enough to judge this one by (`replay`). A result
    serves a run that asks for no more than it holds: final runs want the test accuracy, which search runs do
    not have.
    """
    found = _source(session, search, run)
    if found is None:
        return epoch_cache.follow(session, search, run, now)
    asks = _asks(search, run)
    run.result = {**_result(session, found, **asks), **_spent(run)}
    run.accuracy, run.diagnosis, run.cached_from = found.accuracy, found.diagnosis, trained.place(found)
    trained.copy_epochs(session, found, run)
    runs.forget_checkpoints(session, run.id)
    run_endings.sweep(session, run)
    _take_over(session, search, run, now)
    return True


def is_known(session: Session, search: SearchRow, run: RunRow) -> bool:
    """Whether `adopt` would end this run."""
    return _source(session, search, run) is not None


def _asks(search: SearchRow, run: RunRow) -> dict[str, bool]:
    """What a run wants to know beside its curves."""
    tested = run.role == "final"
    return {"tested": tested, "timed": search_rows.spec_of(search).measures_latency(final=tested)}


def _source(session: Session, search: SearchRow, run: RunRow) -> RunRow | None:
    return None if run.cache_key is None else trained.source(session, run, **_asks(search, run))


def _result(session: Session, found: RunRow, *, tested: bool, timed: bool) -> dict[str, Any]:
    result = dict(found.result or {})
    attempt = trained.attempt(session, found.id)
    if attempt is not None:
        result[TRAINED_ON] = {"devices": attempt.devices, "versions": attempt.versions}
    tests = ("test_accuracy", "test_balanced_accuracy", "test_macro_f1")
    for name, wanted in (*((name, tested) for name in tests), ("latency_ms", timed)):
        if not wanted:
            result[name] = None  # as if it had been trained here: nobody may choose by what was not asked for
    return {**result, "packed": 1}  # seeds of another search are nothing of this one's


def _spent(run: RunRow) -> dict[str, float]:
    """What the run itself has cost: nothing, unless it had begun, and was set aside."""
    before = run.result or {}
    return {"device_seconds": before.get("device_seconds", 0.0), **asdict(Compilation.of(before))}


def _take_over(session: Session, search: SearchRow, run: RunRow, now: float) -> None:
    reason, message = "trained-before", f"not trained again: the result is that of {run.cached_from}"
    run.state, run.reason, run.message = "cached", reason, message
    search.waiting -= 1
    trial = session.get_one(TrialRow, run.trial_id)
    if run.role == "search":
        trial.cached_from = run.cached_from
        search.active -= 1
    searches.begin(session, search, now)
    run_endings.publish(session, search, run, trial, now)
    searches.advance(session, search, now)
