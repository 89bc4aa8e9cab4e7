"""What a target means in numbers: the cost that is counted, the range that is feasible, and where to look for it."""

from functools import lru_cache

from models.scaling.anatomy import training_bytes
from models.scaling.architecture import Baseline
from models.scaling.cost import FLOAT_BYTES, Cost, cost
from search.spec.target import Target

HIGHEST = {"alpha": 2.0, "beta": 1.5, "gamma": 1.5}  # coefficients of a space that grows, where none are given
DIGITS = 6  # of a bound below 1


def measured(metric: str, counts: Cost, batch_size: int) -> int:
    """A network's cost in a counted metric, in its own unit. Not for `product` and `latency_ms`."""
    if metric == "weight_bytes":
        return FLOAT_BYTES * counts.params
    if metric == "memory_bytes":
        return training_bytes(counts.params, counts.activations, batch_size)
    return int(getattr(counts, metric))


def baseline_cost(target: Target, network: Baseline, classes: int, batch_size: int) -> float:
    """What the unscaled baseline costs in the target's metric."""
    if target.metric == "product":
        return 1.0
    if target.metric == "latency_ms":
        return target.baseline_ms or 1.0  # which a latency target has
    return measured(target.metric, _unscaled(network, classes), batch_size)


def cost_range(target: Target, ratio: float) -> tuple[float, float]:
    """The least and the most that is feasible, relative to the baseline, both included."""
    if target.at_most is not None:
        return ratio * target.at_least_share, ratio
    return ratio * (1 - target.tolerance), ratio * (1 + target.tolerance)


def default_bounds(target: Target, ratio: float, phi: float) -> dict[str, list[float]]:
    """The bounds of alpha, beta and gamma that follow from a target.

    Above the baseline's cost from 1 up to the highest, below it from 1 over the highest up to 1; on both sides of 1 at
    the baseline's own cost, and where an absolute target's range includes it. A negative phi turns them round.
    """
    low, high = (ratio, ratio) if target.value is None and target.at_most is None else cost_range(target, ratio)
    up, down = (high > 1, low < 1) if low != high else (ratio >= 1, ratio <= 1)
    if phi < 0:
        up, down = down, up
    return {name: [round(1 / most, DIGITS) if down else 1.0, most if up else 1.0] for name, most in HIGHEST.items()}


@lru_cache(maxsize=64)
def _unscaled(network: Baseline, classes: int) -> Cost:
    return cost(network.unscaled(classes))
