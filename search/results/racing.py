"""A race of the finalists over common seeds: which are trained on more, and which are worse than the leader.

After the first common seeds, and then after each further one, the finalists still in are compared with the best of
them. One that is significantly worse is dropped, the others get one seed more, up to the last. Without `max_seeds`
there is one look, after the last seed: that is fixed replication.

Each look may err. The error of 5 % is therefore spent over all planned looks (their shares add up to one, so that the
sum bounds it whatever the looks have in common), and within a look Holm's correction is for the finalists still in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.results.chance import chance
from search.results.statistics import CONFIDENCE, separable
from search.results.trial_records import TrialRecord
from search.spec.spec import SearchSpec

SEEDS = 2**31  # seeds are 31-bit: a signed 32-bit column holds them
# Shares of the error for the first look, where most finalists leave, and for the last, which says what ties. Against
# equal shares: 0.2 to 0.5 networks fewer that tie, for 1 to 4 runs in 40 more (simulated, 3 points of noise in 1,000).
END_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Rounds:
    """The common seeds in the order of use, how many of them every finalist gets, and the step of an accuracy."""

    first: int
    seeds: tuple[int, ...]
    quantum: float

    @property
    def racing(self) -> bool:
        """Whether there is more than one look."""
        return len(self.seeds) > self.first


@dataclass(frozen=True, slots=True)
class Race:
    """How far it has come. `inside` are the finalists still in, by number, `left` the seeds after which others left.

    `missing` are the runs of the present round that are to be queued, as (trial number, seed); `waiting` says that some
    of it have not ended. With neither, the race is over. `seeds` is how many the present round gives each.
    """

    inside: tuple[int, ...]
    left: Mapping[int, int]
    seeds: int
    missing: tuple[tuple[int, int], ...] = ()
    waiting: bool = False


def final_seeds(spec: SearchSpec) -> tuple[int, ...]:
    """All seeds that finalists may be trained on. The search's own is not among them: it chose the finalists."""
    return common_seeds(spec, spec.finalists.max_seeds or spec.finalists.seeds)


def common_seeds(spec: SearchSpec, count: int) -> tuple[int, ...]:
    """The first `count` seeds behind the search's own."""
    return tuple((spec.seed + step) % SEEDS for step in range(1, count + 1))


def rounds(spec: SearchSpec) -> Rounds:
    """What a spec plans."""
    return Rounds(spec.finalists.seeds, final_seeds(spec), chance(spec.metric, spec.data).quantum)


def shares(first: int, last: int) -> dict[int, float]:
    """The share of the error that each look may spend, by the number of seeds behind it.

    >>> {seeds: round(share, 3) for seeds, share in shares(3, 6).items()}
    {3: 0.333, 4: 0.167, 5: 0.167, 6: 0.333}
    """
    between = last - first - 1
    if between < 1:
        return dict.fromkeys(range(first, last + 1), 1 / (last - first + 1))
    middle = dict.fromkeys(range(first + 1, last), (1 - 2 * END_SHARE) / between)
    return {first: END_SHARE, **middle, last: END_SHARE}


def race(plan: Rounds, finalists: Sequence[TrialRecord]) -> Race:
    """The race as the records show it, in whatever order they come.

    Runs that failed are not repeated: a finalist counts with the seeds it has, and with none it is out.
    """
    inside = sorted(finalists, key=lambda trial: trial.number)
    left: dict[int, int] = {}
    for count, share in shares(plan.first, len(plan.seeds)).items():
        seeds = plan.seeds[:count]
        missing = tuple((trial.number, seed) for trial in inside for seed in seeds if seed not in _begun(trial))
        waiting = any(not _begun(trial).get(seed, True) for trial in inside for seed in seeds)
        if missing or waiting:
            return Race(_numbers(inside), left, count, missing, waiting)
        inside = [trial for trial in inside if accuracies(trial, seeds)]
        gone = _worse(inside, seeds, plan.quantum, share)
        left |= dict.fromkeys(sorted(gone), count)
        inside = [trial for trial in inside if trial.number not in gone]
        if len(inside) < 2:
            break
    return Race(_numbers(inside), left, count)


def accuracies(trial: TrialRecord, seeds: Sequence[int]) -> dict[int, float]:
    """The accuracies of a trial's final runs on these seeds, by seed."""
    return {run.seed: run.accuracy for run in trial.finals if run.accuracy is not None and run.seed in seeds}


def leader(trials: Sequence[TrialRecord], seeds: Sequence[int]) -> TrialRecord:
    """The highest mean over these seeds; the first by number of equal ones."""

    def place(trial: TrialRecord) -> tuple[float, int]:
        values = accuracies(trial, seeds).values()
        return -sum(values) / len(values), trial.number

    return min(trials, key=place)


def _worse(inside: Sequence[TrialRecord], seeds: Sequence[int], quantum: float, share: float) -> frozenset[int]:
    if len(inside) < 2:
        return frozenset()
    best = leader(inside, seeds)
    others = {trial.number: accuracies(trial, seeds) for trial in inside if trial is not best}
    return separable(accuracies(best, seeds), others, quantum=quantum, level=share * (1 - CONFIDENCE))


def _begun(trial: TrialRecord) -> dict[int, bool]:
    """The seeds of the final runs there are, and whether each has ended."""
    return {run.seed: run.ended for run in trial.runs if run.role == "final"}


def _numbers(trials: Sequence[TrialRecord]) -> tuple[int, ...]:
    return tuple(trial.number for trial in trials)
