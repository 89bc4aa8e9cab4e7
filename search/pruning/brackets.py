"""Which trials are judged together: blocks of consecutive trial numbers, at each rung.

A trial that reaches a rung waits until its block is complete: until every trial of it, and of all blocks before, has
reached the rung or is over. So who arrived first decides nothing.

Nobody waits for ever, even where trial n is proposed only when trials up to n - window are over. A block reaches over
at most `window` numbers, so what a trial <= n - window waits for has been proposed before n. And each block lies within
one block of every later rung, because sizes are powers of one number: whoever is awaited at a rung waits at an earlier
one for none but trials of the same block.
"""

import math
from itertools import accumulate

from search.spec.spec import SearchSpec

ROUNDING = 1e-6  # of sums of chances, in trials
MEDIAN_OTHERS = 4  # a median of fewer is one or two trials' luck; optuna's MedianPruner starts at 5 trials, too


def ladder(spec: SearchSpec) -> tuple[int, ...]:
    """The epochs, counted from 1, after which trials are judged. The last epoch is none: a trial is over then.

    >>> ladder(SearchSpec.model_validate({"dataset": "digits", "baseline": "efficientnet-nano"}))
    (2, 6)
    """
    pruner, epochs = spec.pruner, spec.recipe.epochs
    found: list[int] = []
    rung = pruner.min_epochs
    while pruner.name != "none" and rung < epochs:
        found.append(rung)
        rung *= pruner.reduction_factor
    return tuple(found)


def brackets(spec: SearchSpec) -> int:
    """How many groups of trials there are that are not compared with each other. Trial n is in bracket n mod these."""
    return max(1, len(ladder(spec))) if spec.pruner.name == "hyperband" else 1


def rungs(spec: SearchSpec, number: int) -> tuple[int, ...]:
    """The rungs of one trial. In bracket k of hyperband the first k are left out (Li et al. 2018, arXiv 1603.06560)."""
    return ladder(spec)[number % brackets(spec) :]


def size(factor: int, rung: int, most: int) -> int:
    """Trials of a block at the 0-based `rung`: factor ** (rung + 1), or the last power of it that is at most `most`.

    Where `most` is less than the factor itself, it is `most` at every rung.

    >>> [size(3, rung, 16) for rung in range(3)], size(20, 0, 16)
    ([3, 9, 9], 16)
    """
    found = min(factor, most)
    for _ in range(rung):
        if found * factor > most:
            break
        found *= factor
    return found


def cohort(spec: SearchSpec, planned: int, number: int, rung: int) -> range:
    """The numbers of the trials that trial `number` is judged among at its 0-based `rung`: up to its block's end.

    `planned` is how many trials the search will have; its last block may be a part of one.
    """
    step = brackets(spec)
    most = (spec.window - 1) // step + 1  # so many of one bracket lie within a window
    together = size(spec.pruner.reduction_factor, rung, most)
    end = (number // step // together + 1) * together * step
    return range(number % step, min(end, planned), step)


def passing(spec: SearchSpec, judged: int) -> int:
    """How many go on of so many that are judged together at a rung."""
    if spec.pruner.name == "median":
        return judged if judged <= MEDIAN_OTHERS else math.ceil(judged / 2)
    return math.ceil(judged / spec.pruner.reduction_factor)


def survivors(spec: SearchSpec, planned: int) -> dict[int, int]:
    """About how many of `planned` trials begin (epoch 0), and train on beyond each epoch of the ladder.

    It is what is expected where chance alone decides who is better, and none fails: the reference, which no rung
    stops, is not counted apart. What `curve` stops is not foreseen: then all go on.

    >>> example = {"dataset": "digits", "baseline": "efficientnet-nano", "sampler": {"window": 16}}
    >>> survivors(SearchSpec.model_validate(example), 12)
    {0: 12, 2: 4, 6: 2}
    """
    found = {0: float(planned), **dict.fromkeys(ladder(spec), 0.0)}
    for bracket in range(brackets(spec)):
        chances = [1.0] * len(range(bracket, planned, brackets(spec)))  # of its trials, to be trained still
        own = rungs(spec, bracket)
        for epoch in ladder(spec):
            if epoch in own and spec.pruner.name != "curve":
                chances = _behind(spec, planned, bracket, own.index(epoch), chances)
            found[epoch] += sum(chances)
    return {epoch: math.ceil(count - ROUNDING) for epoch, count in found.items()}


def _behind(spec: SearchSpec, planned: int, bracket: int, rung: int, chances: list[float]) -> list[float]:
    """The chances of a bracket's trials to train on behind a rung, before which they were `chances`."""
    arriving = list(accumulate(chances, initial=0.0))
    left = []
    for place, chance in enumerate(chances):
        number = bracket + place * brackets(spec)
        arrived = arriving[len(cohort(spec, planned, number, rung))]
        left.append(chance * min(1.0, passing(spec, max(1, round(arrived))) / max(1.0, arrived)))
    return left
