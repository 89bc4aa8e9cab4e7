"""What the accuracies of several seeds allow one to say, and what they do not."""

import math
import statistics as stdlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean difference of two networks over their common seeds, its interval and its two-sided p-value.

    `confidence` is that of the interval alone.
    """

    mean: float
    low: float
    high: float
    p_value: float
    seeds: int
    confidence: float = CONFIDENCE


def t_interval(
    values: Sequence[float], confidence: float = CONFIDENCE, *, quantum: float = 0.0
) -> tuple[float, float] | None:
    """The Student-t interval of the mean of `values`; None for fewer than two, which say nothing of their spread.

    `quantum` is the step of a value: the spread is never taken for less than rounding to it alone causes
    (sqrt(1 / 12) steps), so that seeds which happen to be equal do not look like certainty.

    >>> low, high = t_interval([0.90, 0.92, 0.94])
    >>> round(low, 4), round(high, 4)
    (0.8703, 0.9697)
    """
    if len(values) < 2:
        return None
    mean = stdlib.fmean(values)
    error = max(stdlib.stdev(values), quantum * math.sqrt(1 / 12)) / math.sqrt(len(values))
    half = _t_quantile(confidence, len(values) - 1) * error
    return mean - half, mean + half


def chosen_interval(values: Sequence[float], compared: int, *, quantum: float = 0.0) -> tuple[float, float] | None:
    """The interval of a mean that may be shown because it is the highest of `compared` means.

    The highest of several means is too high more often than not, and never too low more often than one alone. So each
    tail of t gets 5 % / `compared`, 2.5 % at most: whichever of them is chosen, its interval holds with 95 %. Those
    that are significantly below the highest were never close to being chosen: with them counted, it would hold with
    98 %.

    >>> alone, chosen = chosen_interval([0.90, 0.92, 0.94], 1), chosen_interval([0.90, 0.92, 0.94], 5)
    >>> [round(end, 4) for end in (*alone, *chosen)]
    [0.8703, 0.9697, 0.8396, 1.0004]
    """
    return t_interval(values, 1 - (1 - CONFIDENCE) * min(1.0, 2 / max(1, compared)), quantum=quantum)


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], *, quantum: float = 0.0, confidence: float = CONFIDENCE
) -> Difference | None:
    """First minus second, from accuracies by seed, paired over the seeds that both have; None below two of those.

    `quantum` is the step of an accuracy, 1 / images of the validation split. Accuracies are rounded to it, so the
    spread of a difference is never taken for less than that rounding alone causes (sqrt(2 / 12) steps): two seeds
    that happen to differ by the same one image are no proof.
    """
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    count = len(differences)
    if count < 2:
        return None
    mean = stdlib.fmean(differences)
    error = max(stdlib.stdev(differences), quantum * math.sqrt(2 / 12)) / math.sqrt(count)
    half = _t_quantile(confidence, count - 1) * error
    if error == 0:
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0, count, confidence)
    p_value = 2 * _t_tail(abs(mean) / error, count - 1)
    return Difference(mean, mean - half, mean + half, p_value, count, confidence)


def seeds_to_tell(found: Difference, half: float, *, most: int) -> int | None:
    """How many common seeds would make the interval of a difference reach at most `half` to either side.

    As if the spread stayed what it is, at the same confidence. None where more than `most` would be needed.

    >>> found = paired_difference({1: 0.91, 2: 0.93, 3: 0.92}, {1: 0.90, 2: 0.90, 3: 0.915})
    >>> seeds_to_tell(found, 0.01, most=100)
    10
    """
    now = _t_quantile(found.confidence, found.seeds - 1) / math.sqrt(found.seeds)
    spread = (found.high - found.low) / 2 / now
    for count in range(2, most + 1):
        if _t_quantile(found.confidence, count - 1) * spread / math.sqrt(count) <= half:
            return count
    return None


def holm(p_values: Mapping[int, float], level: float = 1 - CONFIDENCE) -> frozenset[int]:
    """The keys whose hypothesis is rejected when all of them together may err with probability `level` (Holm 1979).

    >>> sorted(holm({1: 0.01, 2: 0.04, 3: 0.03}))
    [1]
    """
    rejected: set[int] = set()
    for rank, (key, p_value) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        if p_value > level / (len(p_values) - rank):
            break
        rejected.add(key)
    return frozenset(rejected)


def separable(
    winner: Mapping[int, float],
    others: Mapping[int, Mapping[int, float]],
    *,
    quantum: float = 0.0,
    level: float = 1 - CONFIDENCE,
) -> frozenset[int]:
    """Which of the others (by their key) are significantly worse than the winner, Holm-corrected for their number.

    All of the answer together errs with probability `level` at most: at 95 % unless told otherwise.

    Accuracies are by seed. Whatever shares fewer than two seeds with the winner ties with it.
    """
    compared = {key: paired_difference(winner, other, quantum=quantum) for key, other in others.items()}
    return holm({key: 1.0 if found is None else found.p_value for key, found in compared.items()}, level)


def _t_quantile(confidence: float, degrees: int) -> float:
    from scipy.special import stdtrit  # here: reading a search costs no scipy

    return float(stdtrit(degrees, (1 + confidence) / 2))


def _t_tail(t: float, degrees: int) -> float:
    from scipy.special import stdtr  # as above

    return float(stdtr(degrees, -t))
