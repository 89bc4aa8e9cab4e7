"""When a training is stopped before its end. Pure: the caller brings the values that others had reached."""

import math
import statistics as stdlib
from collections.abc import Mapping, Sequence

from search.results import Role
from search.spec import SearchSpec

MEDIAN_OTHERS = 4  # a median of fewer is one or two trials' luck; optuna's MedianPruner starts at 5 trials, too


def rungs(spec: SearchSpec) -> tuple[int, ...]:
    """The epochs, counted from 1, after which a trial may be stopped. The last epoch is none: it has finished then.

    >>> rungs(SearchSpec.model_validate({"dataset": "digits", "baseline": "efficientnet-nano"}))
    (2, 6)
    """
    pruner, epochs = spec.pruner, spec.recipe.epochs
    if pruner.name == "none":
        return ()
    if pruner.name == "median":
        return tuple(range(pruner.min_epochs, epochs))
    found: list[int] = []
    rung = pruner.min_epochs
    while rung < epochs:
        found.append(rung)
        rung *= pruner.reduction_factor
    return tuple(found)


def should_stop(
    spec: SearchSpec,
    epoch: int,
    value: float,
    others: Mapping[int, Sequence[float]],
    *,
    role: Role = "search",
    reference: bool = False,
) -> bool:
    """Whether a trial that has reached `value` after `epoch` is to be stopped.

    `others` holds, by epoch, the validation accuracies of the other trials' search runs, stopped ones included.
    asha (Li et al. 2020, arXiv 1810.05934) keeps the best one in `reduction_factor` of each rung, at least one;
    median stops whoever is below the median of at least four others. The reference and final runs are never stopped.
    """
    if role == "final" or reference or epoch not in rungs(spec):
        return False
    seen = list(others.get(epoch, ()))
    if spec.pruner.name == "median":
        return len(seen) >= MEDIAN_OTHERS and not value >= stdlib.median(seen)
    kept = math.ceil((len(seen) + 1) / spec.pruner.reduction_factor)
    return sum(other > value for other in seen) >= kept or math.isnan(value)
