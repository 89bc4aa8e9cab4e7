"""How a run ends: what is written of it, whoever ended it."""

from sqlalchemy.orm import Session

from service import curves, searches
from service.store import events, runs
from service.tables import RunRow, SearchRow, TrialRow


def close(
    session: Session,
    search: SearchRow,
    run: RunRow,
    outcome: str,
    now: float,
    reason: str | None,
    message: str | None,
) -> None:
    """Put a run into its last state and tell it; afterwards the search has to advance."""
    runs.end_attempt(session, run, now, outcome, message)
    runs.forget_checkpoints(session, run.id)
    was_active = run.state != "paused"
    run.state, run.reason, run.message, run.expires_at = outcome, reason, message, None
    trial = session.get_one(TrialRow, run.trial_id)
    found = curves.diagnosis(session, searches.spec_of(search), run, trial.classes)
    run.diagnosis = None if found is None else found.document()
    if run.role == "search":
        trial.state, trial.reason, trial.message = outcome, reason, message
        search.active -= was_active
    session.flush()
    searches.record(session, search, trial, now)
    events.add(
        session,
        search.id,
        "trial.finished",
        now,
        number=run.number,
        state=outcome,
        seed=run.seed,
        role=run.role,
        accuracy=run.accuracy,
        diagnosis=None if found is None else found.label,
    )
