"""How much has to be spent until a method names a good network nine times in ten, from simulated runs of it."""

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.oracle import Trail

SURE = 0.9  # of the runs name a good one
NOTHING = 0.01  # a mean of nothing is shown as this, so that there is a ratio
RESAMPLES = 500  # of the bootstrap: a 95 % interval's ends then rest on a dozen of them each


def spent_to_target(trails: Sequence[Trail], good: frozenset[int], what: str) -> float:
    """The least budget within which `SURE` of the runs name a good network; infinite where none of those seen does.

    Within a budget a run names what it named last before it was spent. Methods that never come so far have no figure.
    """
    marks = np.array(
        [(getattr(spent, what), run, named in good) for run, trail in enumerate(trails) for spent, named in trail]
    )
    state, hits = np.zeros(len(trails), dtype=np.bool_), 0
    for budget, run, is_good in marks[np.argsort(marks[:, 0], kind="stable")]:
        before = state[int(run)]
        state[int(run)] = bool(is_good)
        hits += int(is_good) - int(before)
        if hits >= SURE * len(trails):
            return float(budget)
    return float("inf")


def most_spent(trails: Sequence[Trail], what: str) -> float:
    """What runs that never get there have at least spent: the mean at their ends."""
    return float(np.mean([getattr(trail[-1].spent, what) for trail in trails]))


def success(trails: Sequence[Trail], good: frozenset[int]) -> float:
    """The share of runs that name a good network at their end."""
    return float(np.mean([trail[-1].named in good for trail in trails]))


def compared(
    ours: Sequence[Trail], theirs: Sequence[Trail], good: frozenset[int], what: str
) -> tuple[list[float], list[float]]:
    """(ours, theirs) at the ends and the middle of the 95 % bootstrap interval of theirs / ours.

    In a resample where theirs did not get there, what it had spent by then stands for more: a lower bound. Where ours
    did not, nothing is enough: infinity, a ratio of 0.
    """
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(RESAMPLES):
        mine, other = (
            [trails[at] for at in random.integers(len(trails), size=len(trails))] for trails in (ours, theirs)
        )
        spent = spent_to_target(other, good, what)
        reached = spent if np.isfinite(spent) else most_spent(other, what)
        pairs.append((spent_to_target(mine, good, what), reached))
    return _interval(pairs)


def means(ours: Sequence[float], theirs: Sequence[float]) -> tuple[list[float], list[float]]:
    """Of values that are better the smaller: means at the ends and the middle of their ratio's bootstrap interval."""
    random = np.random.default_rng(0)
    pairs = [
        tuple(max(NOTHING, float(random.choice(side, len(side)).mean())) for side in (ours, theirs))
        for _ in range(RESAMPLES)
    ]
    return _interval(pairs)


def _interval(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    ordered = sorted(pairs, key=lambda pair: pair[1] / pair[0])
    shown = [ordered[int(share * (RESAMPLES - 1))] for share in (0.025, 0.5, 0.975)]
    return [mine for mine, _ in shown], [other for _, other in shown]
