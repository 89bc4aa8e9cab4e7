"""How a run ends: what is written of it, whoever ended it."""

from sqlalchemy.orm import Session

from service.core import curves, trial_summary
from service.store import events, runs
from service.store import searches as search_rows
from service.store.tables import RunRow, SearchRow, TrialRow

SWEPT = "checkpoints of runs that ended without a worker"  # under this name a session keeps (search id, run id)


def close(
    session: Session,
    search: SearchRow,
    run: RunRow,
    outcome: str,
    now: float,
    reason: str | None,
    message: str | None,
) -> None:
    """Put a run that was trained into its last state and tell it; afterwards the search has to advance."""
    runs.end_attempt(session, run, now, outcome, message)
    runs.forget_checkpoints(session, run.id)
    was_active = run.state != "paused"
    run.state, run.reason, run.message, run.expires_at = outcome, reason, message, None
    trial = session.get_one(TrialRow, run.trial_id)
    found = curves.diagnosis(session, search_rows.spec_of(search), run, trial.classes)
    run.diagnosis = None if found is None else found.document()
    if run.role == "search":
        search.active -= was_active
    publish(session, search, run, trial, now)


def publish(session: Session, search: SearchRow, run: RunRow, trial: TrialRow, now: float) -> None:
    """Bring a trial up to date with the last state of a run of it, and say so in an event."""
    if run.role == "search":
        trial.state, trial.reason, trial.message = run.state, run.reason, run.message
    session.flush()
    trial_summary.refresh(session, search, trial, now)
    events.add(
        session,
        search.id,
        "trial.finished",
        now,
        number=run.number,
        state=run.state,
        seed=run.seed,
        role=run.role,
        accuracy=run.accuracy,
        diagnosis=None if run.diagnosis is None else run.diagnosis["label"],
        **({} if run.cached_from is None else {"cached_from": run.cached_from}),
    )


def sweep(session: Session, run: RunRow) -> None:
    """Have the checkpoint files of a run that ended without a worker removed once the transaction is through."""
    session.info.setdefault(SWEPT, set()).add((run.search_id, run.id))
