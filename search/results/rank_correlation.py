"""Whether two rankings of the same things agree, and how sure that is with few of them."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations

from search.results.statistics import CONFIDENCE

RESAMPLES = 2000  # Efron & Tibshirani 1993, section 13: 1,000 to 2,000 for the ends of a percentile interval
EXACT = 7  # things: 5,040 orders of them are all looked at; of more, as many are drawn
BySeed = Mapping[int, float]  # accuracies of one network


def tau_b(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b of two lists of values, from -1 to 1, ties allowed; None where one of them is all ties.

    >>> tau_b([1, 2, 3], [1, 2, 3]), tau_b([1, 2, 3], [3, 2, 1]), tau_b([1, 1], [1, 2])
    (1.0, -1.0, None)
    """
    signs = [
        (_sign(a1 - b1), _sign(a2 - b2)) for (a1, a2), (b1, b2) in combinations(zip(first, second, strict=True), 2)
    ]
    ones, others = (sum(map(abs, column)) for column in zip(*signs, strict=True)) if signs else (0, 0)
    if not (ones and others):
        return None
    return sum(a * b for a, b in signs) / math.sqrt(ones * others)


def tau_interval(first: Mapping[int, BySeed], second: Mapping[int, BySeed], *, seed: int) -> tuple[float, float] | None:
    """The 95 % interval of tau-b over training seeds: percentiles of `RESAMPLES` draws of seeds, with replacement.

    Both sides hold the same networks by number, each with its accuracies by seed; seeds are common to the networks of a
    side, and are drawn for all of them together, because they are what repeating the trainings would change. None where
    a side has fewer than two common seeds. The same numbers and `seed` give the same interval.
    """
    numbers = sorted(first)
    common = [sorted(set.intersection(*(set(side[number]) for number in numbers))) for side in (first, second)]
    if min(map(len, common)) < 2:
        return None
    chance = random.Random(seed)
    taus = []
    for _ in range(RESAMPLES):
        drawn = [[seeds[int(chance.random() * len(seeds))] for _ in seeds] for seeds in common]
        means = [
            [math.fsum(side[number][at] for at in seeds) for number in numbers]
            for side, seeds in zip((first, second), drawn, strict=True)
        ]
        taus.append(tau_b(*means) or 0.0)  # all ties: the draw speaks for neither
    taus.sort()
    tail = int(RESAMPLES * (1 - CONFIDENCE) / 2)
    return taus[tail], taus[-1 - tail]


def chance_of(first: Sequence[float], second: Sequence[float], *, seed: int) -> float:
    """The probability that an order by chance agrees with the first at least as well as the second does; one-sided.

    >>> round(chance_of([1, 2, 3], [1, 2, 3], seed=0), 4)
    0.1667
    """
    found = tau_b(first, second)
    if found is None:
        return 1.0
    orders = list(_orders(second, seed))
    as_good = sum((tau_b(first, order) or 0.0) >= found - 1e-12 for order in orders)  # the same sum in another order
    return as_good / len(orders)


def _orders(values: Sequence[float], seed: int) -> Iterator[Sequence[float]]:
    if len(values) <= EXACT:
        yield from permutations(values)
        return
    chance, order = random.Random(seed), list(values)
    yield tuple(order)  # what was seen counts, so that no probability is 0
    for _ in range(math.factorial(EXACT) - 1):
        chance.shuffle(order)
        yield tuple(order)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
