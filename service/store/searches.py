"""Rows of searches: find, lock, list, count."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import and_, delete, func, or_, select, tuple_
from sqlalchemy.orm import Session

from models.data.registry import DatasetInfo, Pinned
from search.results.leaderboard import PROBE
from search.spec.spec import SearchSpec
from service.errors import NotFound
from service.store.tables import IdempotencyRow, RunRow, SearchRow, TrialRow
from service.store.trained import blocked

Counts = dict[str, Counter[str]]
OPEN = ("queued", "running", "finalizing")
READ_SPEC = "_read_spec"  # under this name a row keeps its specification: that never changes
TERMINAL = ("succeeded", "failed", "cancelled")


def get(session: Session, search_id: str, owner: str | None) -> SearchRow:
    """The search, if it is this owner's (None: anybody's)."""
    row = session.get(SearchRow, search_id)
    if row is None or (owner is not None and row.owner != owner):
        raise NotFound(f"there is no search {search_id!r}, or it is not yours")
    return row


def spec_of(search: SearchRow) -> SearchSpec:
    """The specification that a search was submitted with, and its data set as it was then. Read once a transaction."""
    known: SearchSpec | None = vars(search).get(READ_SPEC)
    if known is None:
        pinned = Pinned(DatasetInfo.read(search.plan["dataset"]))
        known = vars(search)[READ_SPEC] = SearchSpec.model_validate(search.spec, context={"datasets": pinned})
    return known


def lock(session: Session, search_id: str, owner: str | None = None) -> SearchRow:
    """The search, locked until the transaction ends. Whoever changes anything of a search locks it first."""
    row = try_lock(session, search_id)
    if row is None or (owner is not None and row.owner != owner):
        raise NotFound(f"there is no search {search_id!r}, or it is not yours")
    return row


def try_lock(session: Session, search_id: str) -> SearchRow | None:
    """The search, locked until the transaction ends; None when it has been deleted meanwhile."""
    statement = select(SearchRow).where(SearchRow.id == search_id).with_for_update()
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()


def page(
    session: Session, owner: str, *, state: str | None, name: str | None, after: tuple[float, str] | None, limit: int
) -> Sequence[SearchRow]:
    """Searches of an owner, newest first, `limit` of them behind the (created_at, id) of `after`."""
    statement = select(SearchRow).where(SearchRow.owner == owner)
    if state is not None:
        statement = statement.where(SearchRow.state == state)
    if name is not None:
        statement = statement.where(SearchRow.name.icontains(name, autoescape=True))
    if after is not None:
        statement = statement.where(tuple_(SearchRow.created_at, SearchRow.id) < tuple_(*after))
    return session.scalars(statement.order_by(SearchRow.created_at.desc(), SearchRow.id.desc()).limit(limit)).all()


def claimable(session: Session) -> Sequence[str]:
    """Ids of searches that may have work to lease: first by priority, then oldest first.

    Runs that wait for an equal training elsewhere are no work.
    """
    workers = func.count(RunRow.worker.distinct())  # as in `runs.busy`
    busy = select(workers).where(RunRow.search_id == SearchRow.id, RunRow.state == "running")
    free = select(RunRow.id).where(RunRow.search_id == SearchRow.id, RunRow.state == "queued", ~blocked()).exists()
    has_work = or_(
        and_(SearchRow.waiting > 0, busy.scalar_subquery() < SearchRow.parallelism, free),
        and_(SearchRow.proposed < SearchRow.planned, SearchRow.active < SearchRow.parallelism),
    )
    statement = select(SearchRow.id).where(SearchRow.state.in_(OPEN), has_work)
    return session.scalars(
        statement.order_by(SearchRow.priority.desc(), SearchRow.created_at, SearchRow.id).limit(50)
    ).all()


def trial_counts(session: Session, search_ids: Sequence[str]) -> tuple[Counts, Counts]:
    """Per search, how many trials are in each state, and how many each diagnosis was given to; probes left out."""
    states: Counts = {search_id: Counter() for search_id in search_ids}
    diagnoses: Counts = {search_id: Counter() for search_id in search_ids}
    columns = TrialRow.search_id, TrialRow.state, TrialRow.diagnosis
    statement = select(*columns, func.count()).where(TrialRow.search_id.in_(search_ids), TrialRow.standing < PROBE)
    for search_id, state, diagnosis, count in session.execute(statement.group_by(*columns)):
        states[search_id][state] += count
        if diagnosis is not None:
            diagnoses[search_id][diagnosis] += count
    return states, diagnoses


def run_counts(session: Session, search_ids: Sequence[str]) -> dict[str, dict[tuple[str, str], int]]:
    """Per search, how many runs there are of each (role, state)."""
    counts: dict[str, dict[tuple[str, str], int]] = {search_id: {} for search_id in search_ids}
    statement = select(RunRow.search_id, RunRow.role, RunRow.state, func.count()).where(
        RunRow.search_id.in_(search_ids)
    )
    for search_id, role, state, count in session.execute(
        statement.group_by(RunRow.search_id, RunRow.role, RunRow.state)
    ):
        counts[search_id][role, state] = count
    return counts


def remove(session: Session, search_id: str) -> None:
    """Delete a search and all that hangs on it."""
    session.execute(delete(SearchRow).where(SearchRow.id == search_id))


def idempotent(session: Session, owner: str, key: str) -> IdempotencyRow | None:
    """What an Idempotency-Key gave before."""
    return session.get(IdempotencyRow, (owner, key))
