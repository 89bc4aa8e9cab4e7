"""Rows of equal trainings: who has trained a key to the end, and who trains it now."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, case, delete, func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from search.results.trial_records import FINISHED
from service.store.tables import AttemptRow, EpochRow, RunRow, SearchRow

NAMESPACE = 1  # of advisory locks; those of workers are in 0


def blocked() -> ColumnElement[bool]:
    """Whether another run trains the key of a queued RunRow: it waits for what comes of that."""
    other = aliased(RunRow)
    same = select(other.id).where(other.cache_key == RunRow.cache_key, other.state == "running")
    return same.correlate(RunRow).exists()


def reserve(session: Session, run: RunRow) -> bool:
    """Whether nobody trains the key of a queued run, nor can begin to before the transaction ends.

    Never waits, so that it takes part in no deadlock: False also when another transaction decides about the key in
    this very moment. Whoever leases a run calls this first and looks for a `source` then: a training that has ended
    meanwhile is seen as one.
    """
    if run.cache_key is None:
        return True
    if session.get_bind().dialect.name == "postgresql":
        number = func.hashtextextended(run.cache_key, NAMESPACE)
        if not session.execute(select(func.pg_try_advisory_xact_lock(number))).scalar_one():
            return False
    training = select(RunRow.id).where(RunRow.cache_key == run.cache_key, RunRow.state == "running")
    return session.execute(training.limit(1)).first() is None


def source(session: Session, run: RunRow, *, tested: bool, timed: bool) -> RunRow | None:
    """A finished run with the key of this one, an original before a copy; it cannot be deleted for the moment.

    `tested`, `timed`: only one that knows its test accuracy, or its network's time for one image.
    """
    if run.cache_key is None:
        return None
    statement = select(RunRow).where(
        RunRow.cache_key == run.cache_key, RunRow.state.in_(FINISHED), RunRow.accuracy.is_not(None)
    )
    for name, wanted in (("test_accuracy", tested), ("latency_ms", timed)):
        if wanted:
            statement = statement.where(RunRow.result[name].as_float().is_not(None))
    statement = statement.order_by(case((RunRow.state == "completed", 0), else_=1), RunRow.id).limit(1)
    return session.scalars(statement.with_for_update(read=True, skip_locked=True)).one_or_none()


def pruned(session: Session, run: RunRow, epochs: int) -> RunRow | None:
    """The pruned run with the key of this one that came furthest, if it came so far; it cannot be deleted for now."""
    last = select(func.max(EpochRow.epoch)).where(EpochRow.run_id == RunRow.id).scalar_subquery()
    statement = select(RunRow).where(RunRow.cache_key == run.cache_key, RunRow.state == "pruned", last >= epochs)
    statement = statement.order_by(last.desc(), RunRow.id).limit(1)
    return session.scalars(statement.with_for_update(read=True, skip_locked=True)).one_or_none()


def reached(session: Session, run_id: int) -> int:
    """The last epoch that is known of a run; 0 before its first."""
    return session.execute(select(func.max(EpochRow.epoch)).where(EpochRow.run_id == run_id)).scalar_one() or 0


def place(run: RunRow) -> str:
    """Where a finished run was trained: "search id/trial number/seed"."""
    return run.cached_from or f"{run.search_id}/{run.number}/{run.seed}"


def before(session: Session, key: str | None) -> bool:
    """Whether a training of this key has come to its end."""
    statement = select(RunRow.id).where(RunRow.cache_key == key, RunRow.state.in_(FINISHED)).limit(1)
    return key is not None and session.execute(statement).first() is not None


def by_owner(session: Session, owner: str) -> bool:
    """Whether an owner has any result that may be taken over."""
    statement = select(RunRow.id).join(SearchRow, SearchRow.id == RunRow.search_id)
    statement = statement.where(SearchRow.owner == owner, RunRow.cache_key.is_not(None), RunRow.state.in_(FINISHED))
    return session.execute(statement.limit(1)).first() is not None


def waiting(session: Session, run: RunRow) -> Sequence[str]:
    """Ids of the searches that have a run queued with the key of this one."""
    if run.cache_key is None:
        return ()
    statement = select(RunRow.search_id).where(RunRow.cache_key == run.cache_key, RunRow.state == "queued")
    return session.scalars(statement.distinct().order_by(RunRow.search_id)).all()


def attempt(session: Session, run_id: int) -> AttemptRow | None:
    """The lease in which a run was trained to the end."""
    statement = select(AttemptRow).where(AttemptRow.run_id == run_id, AttemptRow.outcome == "completed")
    return session.scalars(statement.order_by(AttemptRow.lease_epoch.desc()).limit(1)).one_or_none()


def copy_epochs(session: Session, origin: RunRow, run: RunRow) -> None:
    """Give a run the epochs of another, instead of those that it has."""
    session.execute(delete(EpochRow).where(EpochRow.run_id == run.id))
    copied = select(
        literal(run.id),
        EpochRow.epoch,
        literal(run.search_id),
        literal(run.role),
        literal(run.lease_epoch),
        EpochRow.validation_accuracy,
        EpochRow.metrics,
    ).where(EpochRow.run_id == origin.id)
    names = ["run_id", "epoch", "search_id", "role", "lease_epoch", "validation_accuracy", "metrics"]
    session.execute(insert(EpochRow).from_select(names, copied))


def copy_between(session: Session, origin: RunRow, run: RunRow, after: int, until: int) -> None:
    """Give a run the epochs of another behind `after`, up to `until` with it. They took no time here."""
    missing = select(EpochRow).where(EpochRow.run_id == origin.id, EpochRow.epoch > after, EpochRow.epoch <= until)
    for row in session.scalars(missing).all():
        session.add(
            EpochRow(
                run_id=run.id,
                epoch=row.epoch,
                search_id=run.search_id,
                role=run.role,
                lease_epoch=run.lease_epoch,
                validation_accuracy=row.validation_accuracy,
                metrics={**row.metrics, "seconds": 0.0, "compile_seconds": 0.0},
            )
        )
    session.flush()
