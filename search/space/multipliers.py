"""One axis of scaling: which depths or widths each range of multipliers gives, and what they alone cost."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

from models.errors import ModelError
from models.scaling.architecture import Baseline
from models.scaling.coefficients import MAX_MULTIPLIER, Coefficients, DepthRounding, edge, shortest_decimal
from search.space.catalogue import shape_profile

Vector = tuple[int, ...]
Part = Literal["depths", "widths"]
Shares = tuple[float, float, float]  # of the logarithm of a cost: depth, width, resolution

POWERS = (1, 2, 2)  # of depth, width and resolution in the nominal cost
LEAST_LOG = 1e-9  # of a cost that is not 1: the product is written with 12 digits
PARTS: tuple[Part, Part] = ("depths", "widths")
NARROW = 1e-8  # of a span, relative: a single number, such as 1.5 with halves rounded to even, is no coefficient^phi
INSETS = (0.0, 1e-12, 1e-9)  # of an interval, so that a root and its power still lie inside


class Span(NamedTuple):
    """The multipliers from `low` to `high`, both included, give the same vector."""

    low: float
    high: float
    vector: Vector


def vector(baseline: Baseline, part: Part, rounding: DepthRounding | None, multiplier: float) -> Vector:
    """Blocks, or channels, at a multiplier of depth, or width."""
    return baseline.depths_at(multiplier, rounding) if part == "depths" else baseline.widths_at(multiplier)


@lru_cache(maxsize=256)
def octave(baseline: Baseline, part: Part, rounding: DepthRounding | None, power: int) -> tuple[Span, ...]:
    """The distinct vectors for multipliers from 2^power to 2^(power + 1); members of a family share them."""
    at, end = 2.0**power, 2.0 ** (power + 1)
    found = []
    while True:
        value = vector(baseline, part, rounding, at)
        last = edge(at, end, lambda x, value=value: vector(baseline, part, rounding, x) == value)  # type: ignore[misc]
        if last > at * (1 + NARROW):
            found.append(Span(at, last, value))
        if last >= end:
            return tuple(found)
        at = math.nextafter(last, math.inf)


def spans(baseline: Baseline, part: Part, rounding: DepthRounding | None, low: float, high: float) -> list[Span]:
    """All that reach into a range of multipliers, each vector once, rising."""
    low, high = max(low, 1 / MAX_MULTIPLIER), min(high, MAX_MULTIPLIER)
    found: dict[Vector, Span] = {}
    first = math.ceil(math.log2(low)) - 1  # below a power of two that `ceil` gives nothing else for, too
    for power in range(first, max(math.ceil(math.log2(high)), first + 1)):
        for span in octave(baseline, part, rounding if part == "depths" else None, power):
            known = found.get(span.vector)
            found[span.vector] = span if known is None else Span(known.low, span.high, span.vector)
    return [span for span in found.values() if span.low <= high and span.high >= low]


@lru_cache(maxsize=20_000)
def log_alone(baseline: Baseline, part: Part, given: Vector, classes: int) -> float:
    """The logarithm of what these depths or widths alone multiply the baseline's multiply-adds by; inf: no such."""
    plain = {name: vector(baseline, name, None, 1.0) for name in PARTS}
    of = {**plain, part: given}
    try:
        scaled, unscaled = (shape_profile(baseline, one["depths"], one["widths"], classes) for one in (of, plain))
    except ModelError:  # more than can be built
        return math.inf
    size = baseline.resolution
    return math.log(scaled.cost_at(size).macs / unscaled.cost_at(size).macs)


def representative(span: Span, phi: float, given: Callable[[float], Vector]) -> float:
    """The simplest coefficient that gives the vector at phi; 1 where that is one of them."""
    if given(1.0) == span.vector:
        return 1.0
    low, high = sorted(end ** (1 / phi) for end in (span.low, span.high))
    for inset in INSETS:
        found = (
            shortest_decimal(low * (1 + inset), high * (1 - inset)) if low * (1 + inset) < high * (1 - inset) else low
        )
        if given(found**phi) == span.vector:
            return found
    return float(math.sqrt(span.low * span.high) ** (1 / phi))


def shares_of(coefficients: Coefficients) -> Shares | None:
    """How a triple of coefficients divides the logarithm of its nominal cost; None where that cost is 1."""
    logs = [
        power * math.log(value)
        for power, value in zip(POWERS, (coefficients.alpha, coefficients.beta, coefficients.gamma), strict=True)
    ]
    if abs(total := sum(logs)) < LEAST_LOG:
        return None
    return logs[0] / total, logs[1] / total, logs[2] / total
