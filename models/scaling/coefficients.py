"""Compound scaling: coefficients, multipliers and the rounding rules that make integers of them.

Source: Tan & Le 2019, arXiv 1905.11946, section 3.3, and tensorflow/tpu `efficientnet_model.py` for the rounding.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from models.errors import InvalidScaling

WIDTH_DIVISOR = 8  # tensorflow/tpu efficientnet_builder.py, GlobalParams.depth_divisor
MIN_WIDTH_KEPT = 0.9  # round_filters: rounding may not take away more than 10 %
MAX_MULTIPLIER = 64.0  # far beyond L2 (width 4.3, depth 5.3); keeps integers and catalogues finite

DepthRounding = Literal["ceil", "round"]


@dataclass(frozen=True, slots=True)
class Multipliers:
    """How many times the baseline's depth, width and resolution a network has. Each in (0, 64]."""

    depth: float
    width: float
    resolution: float

    def __post_init__(self) -> None:
        for name in ("depth", "width", "resolution"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 < value <= MAX_MULTIPLIER):
                raise InvalidScaling(
                    f"{name} multiplier must be a finite number in (0, {MAX_MULTIPLIER:g}], got {value!r}"
                )


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The compound coefficients alpha (depth), beta (width) and gamma (resolution); each finite and positive.

    >>> Coefficients(1.2, 1.1, 1.15).product
    1.92027
    """

    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InvalidScaling(f"{name} must be a finite positive number, got {value!r}")

    @property
    def at_least_one(self) -> bool:
        """Whether the paper's own condition holds: none is below 1 (arXiv 1905.11946, eq. 3)."""
        return min(self.alpha, self.beta, self.gamma) >= 1

    @property
    def product(self) -> float:
        """alpha * beta^2 * gamma^2: the paper's nominal cost of one step of phi."""
        return round(self.alpha * self.beta**2 * self.gamma**2, 12)

    def multipliers(self, phi: float) -> Multipliers:
        """depth = alpha^phi, width = beta^phi, resolution = gamma^phi. A negative phi scales down."""
        if not math.isfinite(phi):
            raise InvalidScaling(f"phi must be a finite number, got {phi!r}")
        try:
            return Multipliers(self.alpha**phi, self.beta**phi, self.gamma**phi)
        except OverflowError:
            raise InvalidScaling(f"phi {phi!r} scales beyond {MAX_MULTIPLIER:g} times the baseline") from None


def round_width(width: float, divisor: int = WIDTH_DIVISOR, floor: float = MIN_WIDTH_KEPT) -> int:
    """The multiple of `divisor` nearest to `width`, never below `floor` of it.

    >>> round_width(16 * 1.1), round_width(16 * 1.2), round_width(32 * 1.2)
    (16, 24, 40)
    """
    rounded = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < floor * width else rounded


def round_depth(repeats: float, rounding: DepthRounding = "ceil") -> int:
    """Blocks of a stage; `ceil` as EfficientNet, `round` as TinyNet; at least 1.

    >>> round_depth(3 * 1.1), round_depth(3 * 1.1, "round")
    (4, 3)
    """
    return max(1, math.ceil(repeats) if rounding == "ceil" else round(repeats))


def round_resolution(resolution: float) -> int:
    """The nearest whole number of pixels (halves go up).

    >>> round_resolution(224 * 1.15)
    258
    """
    return math.floor(resolution + 0.5)


def shortest_decimal(low: float, high: float) -> float:
    """The decimal number with the fewest digits in [low, high]: what a person would write for that interval.

    >>> shortest_decimal(1.1667, 1.3333)
    1.2
    """
    middle = low + (high - low) / 2
    for digits in range(1, 17):
        for at in (middle, low, high):  # between neighbouring floats the middle is one of the two
            candidate = round(at, digits)
            if low <= candidate <= high:
                return candidate
    return middle


def edge(inside: float, outside: float, same: Callable[[float], bool]) -> float:
    """The last float, going from `inside` towards `outside`, for which `same` still holds (bisection)."""
    if same(outside):
        return outside
    while True:
        middle = inside + (outside - inside) / 2
        if middle in (inside, outside):
            return inside
        if same(middle):
            inside = middle
        else:
            outside = middle
