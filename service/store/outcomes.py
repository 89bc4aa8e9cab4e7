"""What the trials of a search came to, in the few columns that a proposal is made from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from search.results.leaderboard import PROBE
from search.results.trial_records import FINISHED, TERMINAL
from service.store.tables import TrialRow

if TYPE_CHECKING:
    from search.proposals.history import Outcome


def unsettled(session: Session, search_id: str) -> Sequence[int]:
    """The numbers of the trials whose states can still change."""
    statement = select(TrialRow.number).where(TrialRow.search_id == search_id, TrialRow.state.not_in(TERMINAL))
    return session.scalars(statement).all()


def outcomes(session: Session, search_id: str) -> "list[Outcome]":
    """All trials in number order. No run is read: a trial shows what its search run reached until there are finals."""
    from search.proposals.history import Outcome  # loads NumPy, which the service starts without

    statement = select(
        TrialRow.number,
        TrialRow.state,
        TrialRow.alpha,
        TrialRow.beta,
        TrialRow.gamma,
        TrialRow.accuracy,
        TrialRow.epochs,
        TrialRow.latency_ms,
        TrialRow.peak_memory_bytes,
    ).where(TrialRow.search_id == search_id)
    return [
        Outcome(
            number,
            state,
            (alpha, beta, gamma),
            accuracy,
            epochs,
            {
                name: value
                for name, value in (("latency_ms", latency), ("peak_memory_bytes", memory))
                if value is not None
            },
        )
        for number, state, alpha, beta, gamma, accuracy, epochs, latency, memory in session.execute(
            statement.order_by(TrialRow.number)
        )
    ]


def accuracies(session: Session, search_id: str) -> Sequence[tuple[float, float, float, float]]:
    """(alpha, beta, gamma, accuracy) of the trials that were trained to the end, in number order; no probes."""
    statement = select(TrialRow.alpha, TrialRow.beta, TrialRow.gamma, TrialRow.accuracy).where(
        TrialRow.search_id == search_id,
        TrialRow.standing < PROBE,
        TrialRow.state.in_(FINISHED),
        TrialRow.accuracy.is_not(None),
    )
    rows = session.execute(statement.order_by(TrialRow.number))
    return [(alpha, beta, gamma, float(accuracy or 0.0)) for alpha, beta, gamma, accuracy in rows]
