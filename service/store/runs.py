"""Rows of runs: who holds which lease, what has expired, what was reported and saved."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from search.results.diagnosis import Epoch
from service.errors import LeaseLost
from service.store.tables import AttemptRow, CheckpointRow, EpochRow, RunRow, TrialRow
from service.store.trained import blocked

OPEN = ("queued", "running", "paused")  # a run that is paused waits at a rung for other trials
LATEST = 64  # runs that say how long one takes: machines change, and a search is looked at every few seconds
CURVE = tuple(field.name for field in fields(Epoch))


def by_lease(session: Session, lease_id: str) -> RunRow:
    """The run that this lease was given for; `LeaseLost` when a later lease replaced it or there never was one."""
    statement = select(RunRow).where(RunRow.lease_id == lease_id).execution_options(populate_existing=True)
    run = session.scalars(statement).one_or_none()
    if run is None:
        raise LeaseLost
    return run


def held_by(session: Session, worker: str) -> Sequence[RunRow]:
    """The runs that a worker of this name holds leases on, as they are now: of one trial, or none."""
    statement = select(RunRow).where(RunRow.worker == worker, RunRow.state == "running").order_by(RunRow.id)
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def lock_worker(session: Session, worker: str) -> None:
    """Let no other request of this worker claim until the transaction ends. SQLite lets in one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(worker, 0))))


def busy(session: Session, search_id: str) -> int:
    """How many workers have leases of a search: one for one run, or for several that it trains as one program."""
    workers = func.count(RunRow.worker.distinct())
    statement = select(workers).where(RunRow.search_id == search_id, RunRow.state == "running")
    return session.execute(statement).scalar_one()


def next_queued(
    session: Session, search_id: str, at_hand: Sequence[str] = (), passed: Sequence[int] = ()
) -> RunRow | None:
    """The queued run of a search that costs the fewest programs, of those the first by trial number and seed.

    First come networks whose program is `at_hand` (their keys), then those that nobody trains just now: so the seeds
    of one finalist go to one worker, and another worker takes another finalist. All of them are leased in the end,
    because nothing is proposed while one of these is queued. Left out are runs that wait for an equal training, and
    those `passed` over (their ids).
    """
    other = aliased(RunRow)
    trained = select(other.id).where(other.trial_id == RunRow.trial_id, other.state == "running").exists()
    order = [case((TrialRow.key.in_(at_hand), 0), else_=1)] if at_hand else []
    statement = select(RunRow).join(TrialRow, TrialRow.id == RunRow.trial_id)
    statement = statement.where(RunRow.search_id == search_id, RunRow.state == "queued", ~blocked())
    if passed:
        statement = statement.where(RunRow.id.not_in(passed))
    statement = statement.order_by(*order, case((trained, 1), else_=0), RunRow.number, RunRow.seed)
    return session.scalars(statement.limit(1)).one_or_none()


def companions(session: Session, run: RunRow, limit: int) -> Sequence[RunRow]:
    """Queued runs that can be trained as one program with this one: of its trial and role, with as many epochs saved.

    So they differ in their seed alone, and all are at the same step of the same schedule from the first epoch to the
    last.
    """
    saved = func.coalesce(func.max(CheckpointRow.epoch), 0)
    begun = session.execute(select(saved).where(CheckpointRow.run_id == run.id)).scalar_one()
    of_it = select(saved).where(CheckpointRow.run_id == RunRow.id).scalar_subquery()
    statement = select(RunRow).where(RunRow.trial_id == run.trial_id, RunRow.role == run.role)
    statement = statement.where(RunRow.state == "queued", RunRow.id != run.id, of_it == begun, ~blocked())
    return session.scalars(statement.order_by(RunRow.seed).limit(limit)).all()


def expired(session: Session, now: float) -> Sequence[tuple[str, int]]:
    """(search id, run id) of leases that ended in silence."""
    statement = select(RunRow.search_id, RunRow.id).where(RunRow.state == "running", RunRow.expires_at < now)
    return [
        (search_id, run_id) for search_id, run_id in session.execute(statement.order_by(RunRow.expires_at).limit(500))
    ]


def renew(session: Session, lease_id: str, lease_epoch: int, expires_at: float) -> bool:
    """Put the end of a live lease off; False when it is no longer this attempt's."""
    statement = update(RunRow).where(
        RunRow.lease_id == lease_id, RunRow.lease_epoch == lease_epoch, RunRow.state == "running"
    )
    return session.execute(statement.values(expires_at=expires_at)).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def resumes(session: Session, run_id: int) -> bool:
    """Whether a run is still to be trained, so that its checkpoints are of use."""
    run = session.get(RunRow, run_id)
    return run is not None and run.state in OPEN


def unfinished(session: Session, search_id: str) -> Sequence[RunRow]:
    """Runs of a search that have not ended."""
    statement = select(RunRow).where(RunRow.search_id == search_id, RunRow.state.in_(OPEN))
    return session.scalars(statement.order_by(RunRow.id)).all()


def paused(session: Session, search_id: str) -> Sequence[RunRow]:
    """Runs of a search that wait at a rung, by trial number."""
    statement = select(RunRow).where(RunRow.search_id == search_id, RunRow.state == "paused")
    return session.scalars(statement.order_by(RunRow.number)).all()


def end_attempt(session: Session, run: RunRow, now: float, outcome: str, message: str | None = None) -> None:
    """Close the book on the present attempt of a run, if it is open."""
    session.execute(
        update(AttemptRow)
        .where(AttemptRow.run_id == run.id, AttemptRow.lease_epoch == run.lease_epoch, AttemptRow.ended_at.is_(None))
        .values(ended_at=now, outcome=outcome, message=message)
    )


def curve(session: Session, run_id: int) -> list[Epoch]:
    """What was reported of each epoch, in epoch order."""
    statement = select(EpochRow.metrics).where(EpochRow.run_id == run_id).order_by(EpochRow.epoch)
    return [Epoch(**{name: metrics.get(name) for name in CURVE}) for metrics in session.scalars(statement)]


def reports(session: Session, run_id: int) -> list[tuple[int, dict[str, Any]]]:
    """The epochs that were reported of a run with their metrics, in epoch order."""
    statement = select(EpochRow.epoch, EpochRow.metrics).where(EpochRow.run_id == run_id).order_by(EpochRow.epoch)
    return [(epoch, metrics) for epoch, metrics in session.execute(statement)]


def checkpoints(session: Session, run_id: int) -> Sequence[CheckpointRow]:
    """Checkpoints of a run, newest first."""
    statement = select(CheckpointRow).where(CheckpointRow.run_id == run_id).order_by(CheckpointRow.epoch.desc())
    return session.scalars(statement).all()


def forget_checkpoints(session: Session, run_id: int) -> None:
    """Drop the checkpoint rows of a run; the files are swept by whoever owns the directory."""
    session.execute(delete(CheckpointRow).where(CheckpointRow.run_id == run_id))


def seconds_of_a_run(session: Session, search_id: str) -> float | None:
    """Wall seconds that a worker spends on one run, all its attempts together; None before any was trained to the end.

    The mean of the latest runs that were trained here. Those taken over from an equal training took no time; of runs
    that were trained together, each took its share.
    """
    latest = select(RunRow.id).where(RunRow.search_id == search_id, RunRow.state == "completed")
    latest = latest.order_by(RunRow.number.desc(), RunRow.seed.desc()).limit(LATEST)
    packed = func.max(RunRow.result["packed"].as_float())
    spent = func.sum(AttemptRow.ended_at - AttemptRow.started_at) / func.coalesce(packed, 1.0)
    statement = select(spent).join(RunRow, RunRow.id == AttemptRow.run_id).group_by(AttemptRow.run_id)
    each = session.scalars(statement.where(RunRow.id.in_(latest), AttemptRow.ended_at.is_not(None)))
    seconds = [float(one or 0.0) for one in each]
    return sum(seconds) / len(seconds) if seconds else None


def busy_workers(session: Session) -> dict[str, set[str]]:
    """The names of the workers that hold leases, by search."""
    names: dict[str, set[str]] = {}
    statement = select(RunRow.search_id, RunRow.worker).where(RunRow.state == "running", RunRow.worker.is_not(None))
    for search_id, worker in session.execute(statement.distinct()):
        names.setdefault(search_id, set()).add(str(worker))
    return names
