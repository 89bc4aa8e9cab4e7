"""What finished trainings took, for the plans of new ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.compiler.reports import Compilation
from search.planning.timing import Timing
from service.store.tables import AttemptRow, RunRow, SearchRow, TrialRow

SEARCHES, RUNS = 8, 32  # the latest searches, and runs of each: machines change, and a plan is asked for at each key


def timings(session: Session, owner: str) -> list[Timing]:
    """Of this owner's latest searches; of anybody's where the owner has none, since the machines may be the same."""
    return _timings(session, owner) or _timings(session, None)


def _timings(session: Session, owner: str | None) -> list[Timing]:
    """Of the latest searches that trained something: those that took all results over say nothing of a machine."""
    trained = select(RunRow.id).where(RunRow.search_id == SearchRow.id, RunRow.state == "completed").exists()
    statement = select(SearchRow.id, SearchRow.plan).where(SearchRow.started_at.is_not(None), trained)
    if owner is not None:
        statement = statement.where(SearchRow.owner == owner)
    latest = session.execute(statement.order_by(SearchRow.created_at.desc(), SearchRow.id.desc()).limit(SEARCHES)).all()
    return [timing for search_id, plan in latest for timing in _of_search(session, search_id, plan["dataset"]["train"])]


def _of_search(session: Session, search_id: str, images: int) -> Iterator[Timing]:
    """The latest by trial number, along the index that claims use. Left out are runs of several kinds of devices."""
    statement = (
        select(RunRow.id, RunRow.result, TrialRow.macs)
        .join(TrialRow, TrialRow.id == RunRow.trial_id)
        .where(RunRow.search_id == search_id, RunRow.state == "completed", RunRow.result.is_not(None))
        .order_by(RunRow.number.desc(), RunRow.seed.desc())
        .limit(RUNS)
    )
    rows = session.execute(statement).all()
    devices: dict[int, set[str]] = {}
    attempts = select(AttemptRow.run_id, AttemptRow.devices).where(AttemptRow.run_id.in_([row.id for row in rows]))
    for run_id, used in session.execute(attempts):
        devices.setdefault(run_id, set()).add(_named(used))
    for run_id, result, macs in rows:
        if len(devices.get(run_id, ())) == 1:
            yield _timing(result, macs, images, *devices[run_id])


def _named(devices: Sequence[Mapping[str, str]]) -> str:
    kind = devices[0]["kind"] if devices else "unknown"
    return f"{len(devices)} x {kind}" if len(devices) > 1 else kind


def _timing(result: Mapping[str, Any], macs: int, images: int, device: str) -> Timing:
    took = Compilation.of(result)
    programs = took.programs_compiled
    return Timing(
        device=device,
        macs=macs,
        images=images * result.get("epochs", 0),
        seconds=result.get("device_seconds", 0.0),
        compile_seconds=(took.compile_seconds + took.compiled_ahead_seconds) / programs if programs else None,
    )
