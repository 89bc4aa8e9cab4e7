"""The trials of a search as pruning sees them."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.training.class_counts import Metric
from search.pruning import held_back
from search.pruning.entrant import Entrant
from search.results.trial_records import FINISHED, TERMINAL
from service.store import trials
from service.store.tables import EpochRow, RunRow, TrialRow


def of(
    session: Session, search_id: str, epochs: Collection[int] | None, metric: Metric = "accuracy"
) -> dict[int, Entrant]:
    """The trials of a search as pruning sees them, by number, with their accuracies after these epochs (None: all).

    Of another `metric` it is the values of that.
    """
    values: dict[int, dict[int, float]] = {}
    plain = metric == "accuracy"
    value = EpochRow.validation_accuracy if plain else EpochRow.metrics[metric].as_float()
    reported = select(RunRow.number, EpochRow.epoch, value)
    reported = reported.join(RunRow, RunRow.id == EpochRow.run_id)
    reported = reported.where(EpochRow.search_id == search_id, EpochRow.role == "search")
    for number, epoch, value in session.execute(
        reported if epochs is None else reported.where(EpochRow.epoch.in_(epochs))
    ):
        values.setdefault(number, {})[epoch] = value
    copied = select(RunRow.number, RunRow.result).where(RunRow.search_id == search_id, RunRow.role == "search")
    lasts: dict[int, float] = {}
    ended = RunRow.state == "cached" if plain else RunRow.state.in_(FINISHED)
    for number, result in session.execute(copied.where(ended)):
        history = trials.history(result or {}, metric)
        values[number] = dict(enumerate(history, start=1))
        lasts.update({number: history[-1]} if history else {})
    rows = select(
        TrialRow.number,
        TrialRow.state,
        TrialRow.reason,
        TrialRow.last_accuracy,
        TrialRow.reference,
        TrialRow.macs,
        TrialRow.params,
        TrialRow.activations,
    ).where(TrialRow.search_id == search_id)
    return {
        number: Entrant(
            number=number,
            over=state in TERMINAL or reason == held_back.HELD,
            values=values.get(number, {}),
            last=(last if plain else lasts.get(number)) if state in FINISHED else None,
            reference=reference,
            costs={"macs": macs, "params": params, "activations": activations},
            held=reason == held_back.HELD,
            goes_on=reason == held_back.GOES_ON,
        )
        for number, state, reason, last, reference, macs, params, activations in session.execute(rows)
    }
