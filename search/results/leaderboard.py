"""Who is best, who ties with the best, and how to say so."""

from collections.abc import Mapping, Sequence

from models.scaling.coefficients import Coefficients
from search.errors import NothingFinished
from search.results.racing import Rounds, race
from search.results.statistics import separable
from search.results.trial_records import ASIDE, TrialRecord, shown_accuracy

# Stored in rows: groups may be added at an end. Only a race has leading ones: those it has not told from the best,
# whose means are over more seeds than those of the finalists that left.
LEADING, REPLICATED, COMPLETED, PRUNED, OTHER, PROBE, CONTROL = range(-1, 6)
NUMERALS = ("no other", "one other", "two others", "three others", "four others", "five others")


def standing(trial: TrialRecord) -> int:
    """Which group of the leaderboard a trial belongs to. Means over seeds and single lucky runs do not mix.

    A network that was trained for a probe or as a control alone belongs to none of those that are ranked.
    """
    if trial.runs and all(run.role in ASIDE for run in trial.runs):
        return CONTROL if trial.runs[0].role == "control" else PROBE
    if trial.search_accuracy is None:
        return PRUNED if trial.state == "pruned" and shown_accuracy(trial.runs) is not None else OTHER
    if not trial.finals:
        return COMPLETED
    return LEADING if trial.leading else REPLICATED


def rank(trials: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """All trials, best first, whatever order they come in.

    Replicated finalists by their mean accuracy (those still in a race before those that left it), then those with a
    single run by its accuracy, then pruned ones by their last, then the rest and the probes. Equal ones stand in number
    order.
    """
    return tuple(sorted(trials, key=place))


def place(trial: TrialRecord) -> tuple[int, float, int]:
    """Where a trial stands: its group, its accuracy, its number. What is smaller stands before."""
    group = standing(trial)
    accuracy = None if group >= OTHER else shown_accuracy(trial.runs)
    return group, -(accuracy or 0.0), trial.number


def winner(trials: Sequence[TrialRecord]) -> TrialRecord:
    """The first of the ranking. Raises `NothingFinished` before any trial has been trained to the end."""
    best = min(trials, key=place, default=None)
    if best is None or standing(best) > COMPLETED:
        raise NothingFinished("no trial of this search has been trained to the end yet")
    return best


def ties(trials: Sequence[TrialRecord], *, quantum: float = 0.0, plan: Rounds | None = None) -> dict[int, bool]:
    """For each replicated finalist but the winner, by number: whether it ties with the winner at 95 %.

    Paired t tests over common seeds, Holm-corrected; after a race (`plan`) those that it has not told from the best. A
    trial that is missing from the answer is unknown: its single run says nothing of the spread between seeds. Without
    replicated finals everything is unknown and the answer empty. `quantum` is the step of an accuracy: 1 / images of
    the validation split.
    """
    replicated = rank([trial for trial in trials if standing(trial) <= REPLICATED])
    if not replicated:
        return {}
    if plan is not None and plan.racing:
        left = race(plan, [trial for trial in trials if trial.finalist]).left
        return {trial.number: trial.number not in left for trial in replicated[1:]}
    first, *others = [(trial.number, _by_seed(trial)) for trial in replicated]
    told_apart = separable(first[1], dict(others), quantum=quantum)
    return {number: number not in told_apart for number, _ in others}


def statement(trials: Sequence[TrialRecord], *, quantum: float = 0.0, plan: Rounds | None = None) -> str:
    """One sentence on which network is best and what ties with it, and no more than that.

    "alpha 1.2, beta 1.1, gamma 1.15 and two others cannot be told apart at 95 %."
    """
    try:
        best = winner(trials)
    except NothingFinished:
        return "No trial was trained to the end: there is nothing to compare."
    name = coefficients_text(best.coefficients)
    if standing(best) == COMPLETED:
        count = sum(standing(trial) == COMPLETED for trial in trials)
        if count == 1:
            return f"{name} is the only trial that was trained to the end."
        return (
            f"{name} came first of {count} on a single seed: without finals on common seeds the spread between seeds "
            "is unknown, and none of them can be told apart."
        )
    tied_with = ties(trials, quantum=quantum, plan=plan)
    if not tied_with:
        return f"{name} is the only finalist: there is nothing to compare it with."
    return f"{name} {_compared(tied_with)}"


def coefficients_text(coefficients: Coefficients) -> str:
    """As people write a scaling.

    >>> coefficients_text(Coefficients(1.2, 1.1, 1.15))
    'alpha 1.2, beta 1.1, gamma 1.15'
    """
    return f"alpha {coefficients.alpha:g}, beta {coefficients.beta:g}, gamma {coefficients.gamma:g}"


def _compared(tied_with: Mapping[int, bool]) -> str:
    tied = sum(tied_with.values())
    if tied:
        numeral = NUMERALS[tied] if tied < len(NUMERALS) else f"{tied} others"
        return f"and {numeral} cannot be told apart at 95 %."
    if len(tied_with) == 1:
        return "is better than the other finalist at 95 %."
    return f"is better than each of the {len(tied_with)} other finalists at 95 %."


def _by_seed(trial: TrialRecord) -> dict[int, float]:
    return {run.seed: run.accuracy for run in trial.finals if run.accuracy is not None}
