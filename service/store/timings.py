"""What finished trainings took, for the plans of new ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from models.compiler.reports import Compilation
from search.planning.timing import Timing
from service.store.tables import AttemptRow, RunRow, SearchRow, TrialRow

SEARCHES, RUNS = 8, 32  # the latest searches, and runs of each: machines change, and a plan is asked for at each key


def timings(session: Session, owner: str) -> list[Timing]:
    """Of this owner's latest searches; of anybody's where the owner has none, since the machines may be the same."""
    return _timings(session, owner) or _timings(session, None)


def _timings(session: Session, owner: str | None) -> list[Timing]:
    statement = select(SearchRow.id, SearchRow.plan).where(SearchRow.started_at.is_not(None))
    if owner is not None:
        statement = statement.where(SearchRow.owner == owner)
    latest = session.execute(statement.order_by(SearchRow.created_at.desc(), SearchRow.id.desc()).limit(SEARCHES)).all()
    return [timing for search_id, plan in latest for timing in _of_search(session, search_id, plan["dataset"]["train"])]


def _of_search(session: Session, search_id: str, images: int) -> Iterator[Timing]:
    """The latest by trial number, along the index that claims use."""
    last = and_(AttemptRow.run_id == RunRow.id, AttemptRow.lease_epoch == RunRow.lease_epoch)
    statement = (
        select(RunRow.result, TrialRow.macs, AttemptRow.devices)
        .join(TrialRow, TrialRow.id == RunRow.trial_id)
        .join(AttemptRow, last)
        .where(RunRow.search_id == search_id, RunRow.state == "completed", RunRow.result.is_not(None))
        .order_by(RunRow.number.desc(), RunRow.seed.desc())
        .limit(RUNS)
    )
    for result, macs, devices in session.execute(statement):
        yield _timing(result, macs, images, devices)


def _timing(result: Mapping[str, Any], macs: int, images: int, devices: Sequence[Mapping[str, str]]) -> Timing:
    took = Compilation.of(result)
    programs = took.programs_compiled
    kind = devices[0]["kind"] if devices else "unknown"
    return Timing(
        device=f"{len(devices)} x {kind}" if len(devices) > 1 else kind,
        macs=macs,
        images=images * result.get("epochs", 0),
        seconds=result.get("device_seconds", 0.0),
        compile_seconds=(took.compile_seconds + took.compiled_ahead_seconds) / programs if programs else None,
    )
