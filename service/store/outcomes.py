"""What the trials of a search came to, in the few columns that a proposal is made from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search.pruning.held_back import HELD
from search.results.leaderboard import PROBE
from search.results.trial_records import FINISHED, TERMINAL
from service.store.tables import RunRow, TrialRow

if TYPE_CHECKING:
    from search.proposals.history import Outcome


def unsettled(session: Session, search_id: str) -> Sequence[int]:
    """The numbers of the trials whose results are still to come. Those held back count as pruned."""
    statement = select(TrialRow.number).where(TrialRow.search_id == search_id, TrialRow.state.not_in(TERMINAL))
    return session.scalars(statement.where(func.coalesce(TrialRow.reason, "") != HELD)).all()


def outcomes(session: Session, search_id: str) -> "list[Outcome]":
    """All trials in number order. A trial shows what its search run reached until there are finals; no run is read.

    But for those of trials held back, few at any time: they do not show it, and count as pruned.
    """
    from search.proposals.history import Outcome  # loads NumPy, which the service starts without

    statement = select(
        TrialRow.number,
        TrialRow.state,
        TrialRow.reason,
        TrialRow.alpha,
        TrialRow.beta,
        TrialRow.gamma,
        TrialRow.score,
        TrialRow.epochs,
        TrialRow.latency_ms,
        TrialRow.peak_memory_bytes,
    ).where(TrialRow.search_id == search_id)
    rows = session.execute(statement.order_by(TrialRow.number)).all()
    held = _held_back(session, search_id) if any(row.reason == HELD for row in rows) else {}
    return [
        Outcome(
            number,
            "pruned" if number in held else state,
            (alpha, beta, gamma),
            *held.get(number, (accuracy, epochs)),
            {
                name: value
                for name, value in (("latency_ms", latency), ("peak_memory_bytes", memory))
                if value is not None
            },
        )
        for number, state, _, alpha, beta, gamma, accuracy, epochs, latency, memory in rows
    ]


def _held_back(session: Session, search_id: str) -> dict[int, tuple[float | None, int]]:
    """(accuracy, epochs) of the search runs that are held back, by trial number."""
    columns = RunRow.number, RunRow.accuracy, func.coalesce(RunRow.result["epochs"].as_integer(), 0)
    held = select(*columns).where(RunRow.search_id == search_id, RunRow.state == "paused", RunRow.reason == HELD)
    return {number: (accuracy, epochs) for number, accuracy, epochs in session.execute(held)}


def accuracies(session: Session, search_id: str) -> Sequence[tuple[float, float, float, float]]:
    """(alpha, beta, gamma, value of the metric) of trials that were trained to the end, in number order; no probes."""
    statement = select(TrialRow.alpha, TrialRow.beta, TrialRow.gamma, TrialRow.score).where(
        TrialRow.search_id == search_id,
        TrialRow.standing < PROBE,
        TrialRow.state.in_(FINISHED),
        TrialRow.score.is_not(None),
    )
    rows = session.execute(statement.order_by(TrialRow.number))
    return [(alpha, beta, gamma, float(accuracy or 0.0)) for alpha, beta, gamma, accuracy in rows]
