"""The probe of a search: its best finalists' networks at another phi, as trials that no leaderboard ranks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search.results import leaderboard, transfer
from search.results.trial_records import TrialRecord
from search.spec.spec import SearchSpec
from service.core import new_trials
from service.store import trials
from service.store.tables import SearchRow, TrialRow


def begin(
    session: Session,
    search: SearchRow,
    spec: SearchSpec,
    records: Sequence[TrialRecord],
    asked: Sequence[tuple[int, int]],
    now: float,
) -> list[tuple[TrialRow, int]]:
    """The trial of each probe run (finalist's number, seed) that the lifecycle asks for, and the seed.

    Finalists that come to one network at that phi share its trial and its runs, also with a trial of the search.
    """
    probed = {each.finalist.number: each for each in transfer.probed(spec, records)}
    rows: dict[str, TrialRow] = {}
    queued: dict[tuple[str, int], TrialRow] = {}
    for number, seed in asked:
        each = probed[number]
        key = each.network.key
        if key not in rows:
            known = each.of(records)
            rows[key] = (
                trials.get(session, search.id, known.number)
                if known is not None
                else _new(session, search, spec, each, now)
            )
        queued[key, seed] = rows[key]
    return [(row, seed) for (_, seed), row in queued.items()]


def _new(session: Session, search: SearchRow, spec: SearchSpec, each: transfer.Probed, now: float) -> TrialRow:
    return new_trials.add_aside(
        session,
        search,
        spec,
        each.finalist.coefficients,
        each.network,
        now,
        phi=spec.transfer.phi if spec.transfer else spec.phi,
        standing=leaderboard.PROBE,
    )


def dataset_px(session: Session, search_id: str) -> int:
    """Pixels that the images of all probes are kept at: those of the largest of their networks."""
    statement = select(func.max(TrialRow.resolution)).where(
        TrialRow.search_id == search_id, TrialRow.id.in_(trials.with_role("probe"))
    )
    return session.execute(statement).scalar_one()


def document(session: Session, search: SearchRow, spec: SearchSpec) -> dict[str, Any] | None:
    """What the probe has shown so far; None of a search that asks for none."""
    if spec.transfer is None:
        return None
    return transfer.document(spec, trials.records(session, search.id, ("final", "probe")))
