"""The trials of a search as pruning sees them."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from search.pruning.pruning import Entrant
from search.results.trial_records import FINISHED, TERMINAL
from service.store.tables import EpochRow, RunRow, TrialRow


def of(session: Session, search_id: str, epochs: Collection[int] | None) -> dict[int, Entrant]:
    """The trials of a search as pruning sees them, by number, with their accuracies after these epochs (None: all)."""
    values: dict[int, dict[int, float]] = {}
    reported = select(RunRow.number, EpochRow.epoch, EpochRow.validation_accuracy)
    reported = reported.join(RunRow, RunRow.id == EpochRow.run_id)
    reported = reported.where(EpochRow.search_id == search_id, EpochRow.role == "search")
    for number, epoch, value in session.execute(
        reported if epochs is None else reported.where(EpochRow.epoch.in_(epochs))
    ):
        values.setdefault(number, {})[epoch] = value
    copied = select(RunRow.number, RunRow.result).where(RunRow.search_id == search_id, RunRow.role == "search")
    for number, result in session.execute(copied.where(RunRow.state == "cached")):
        values[number] = dict(enumerate((result or {}).get("history", ()), start=1))
    rows = select(
        TrialRow.number,
        TrialRow.state,
        TrialRow.last_accuracy,
        TrialRow.reference,
        TrialRow.macs,
        TrialRow.params,
        TrialRow.activations,
    ).where(TrialRow.search_id == search_id)
    return {
        number: Entrant(
            number=number,
            over=state in TERMINAL,
            values=values.get(number, {}),
            last=last if state in FINISHED else None,
            reference=reference,
            costs={"macs": macs, "params": params, "activations": activations},
        )
        for number, state, last, reference, macs, params, activations in session.execute(rows)
    }
