"""The network nearest to a ray of compound scaling, among those that really cost what is wanted.

A ray spends the logarithm of the cost in fixed shares on depth, width and resolution (Dollár et al. 2021, arXiv
2103.06877): at a nominal cost ratio R it is at depth R^p_d, width R^(p_w/2), resolution R^(p_r/2). Rounding makes the
real cost another one, so the network is looked for: all three dimensions round freely, the real cost decides which
networks are asked, and the distance from the ray which of them is taken.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from models.errors import ModelError
from models.scaling.architecture import MAX_RESOLUTION, Baseline, ScaledArchitecture
from models.scaling.coefficients import (
    MAX_MULTIPLIER,
    Coefficients,
    DepthRounding,
)
from models.scaling.cost import Cost, cost
from search.space.catalogue import shape_profile
from search.space.multipliers import (
    PARTS,
    POWERS,
    Part,
    Shares,
    Span,
    Vector,
    log_alone,
    representative,
    spans,
    vector,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


MARGINS = (1.25, 2.0)  # how far depth and width may leave the ray's own; the second where the first gives nothing
MAX_PAIRS = 4000  # depths with widths that are counted layer by layer, nearest first; 0.7 ms each
REACH = math.log(MAX_MULTIPLIER)
HALVINGS = 40  # of the ray's length
BEYOND = math.log(2)  # of nominal cost: how far behind the wanted cost a network may still lie on the ray
WIDEST = 0.05  # tolerance with which the end of a ray is looked for
DIGITS = 9  # of a distance: below is rounding of floats


@dataclass(frozen=True)
class RayPoint:
    """A network near a ray.

    `coefficients` are representatives at phi 1, those that give the network at the phi asked for. `ratio` is its real
    cost over the unscaled baseline's, in the metric asked for. `distance` is Euclidean, between the natural logarithms
    of what depth, width and resolution each multiply the cost by (multiply-adds of the depths alone, of the widths
    alone, the square of the resolution), to the nearest network that the ray itself rounds to: 0 lies on the ray, 0.1
    is about a tenth of the cost spent on another dimension. `within` says whether the real cost is within the tolerance
    of the wanted ratio.
    """

    network: ScaledArchitecture
    coefficients: Coefficients
    ratio: float
    distance: float
    within: bool


@dataclass(frozen=True)
class _Aim:
    """What is asked for, and the bounds of it. `low` and `high` are of the metric."""

    baseline: Baseline
    rates: Shares  # of the logarithms of the multipliers along the ray, in the direction that is gone
    base: float
    wanted: float
    low: float
    high: float
    metric: str
    classes: int
    rounding: DepthRounding | None
    multiple: int
    fixed: tuple[bool, bool, bool]

    def count(self, cost: Cost) -> float:
        return float(getattr(cost, self.metric))

    def multipliers_at(self, along: float) -> tuple[float, float, float]:
        """The ray's multipliers of depth, width and resolution, none beyond what can be built."""
        depth, width, size = (math.exp(max(-REACH, min(REACH, rate * along))) for rate in self.rates)
        return depth, width, size

    def alone(self, part: Part, span: Span) -> float:
        return log_alone(self.baseline, part, span.vector, self.classes)

    def vector(self, part: Part, multiplier: float) -> Vector:
        return vector(self.baseline, part, self.rounding, multiplier)


@dataclass(frozen=True)
class _Steps:
    """What the ray rounds to, step by step: logarithms of cost by depth and width, and the run of resolutions."""

    depth: "Floats"
    width: "Floats"
    small: "Floats"
    large: "Floats"

    def distance(self, depth: float, width: float, sizes: "Floats") -> "Floats":
        """(sizes,): from the nearest step."""
        import numpy as np

        flat = (self.depth - depth) ** 2 + (self.width - width) ** 2
        off = np.maximum(np.maximum(self.small - sizes[:, None], sizes[:, None] - self.large), 0.0)
        found: Floats = np.sqrt((flat + off**2).min(axis=1)).round(DIGITS)
        return found


def nearest_to_ray(
    baseline: Baseline,
    shares: Shares,
    ratio: float,
    *,
    tolerance: float,
    metric: str = "macs",
    classes: int,
    rounding: DepthRounding | None = None,
    resolution_multiple: int = 1,
    phi: float = 1.0,
    hold: bool = True,
) -> RayPoint | None:
    """The network nearest to a ray among those whose real cost is within `tolerance` of `ratio` times the baseline's.

    `shares` of the logarithm of the cost for depth, width and resolution add up to 1; one of them may be negative.
    Where a single one is not 0, the other two dimensions stay as the baseline has them, unless `hold` is false: then
    they round freely too. `metric` is `macs`, `params` or
    `activations`. Of equally near networks the one nearest in cost is taken; where none lies within the tolerance, the
    one nearest in cost, which `within` says. None where nothing can be built, or resolution alone is to change a number
    of parameters. Raises `ValueError` on shares that do not
    add up to 1, and on a ratio that is not positive.
    """
    if not math.isclose(sum(shares), 1, abs_tol=1e-6) or not ratio > 0:
        raise ValueError(f"shares must add up to 1 and the ratio must be positive, got {shares!r} and {ratio!r}")
    aim = _aim(baseline, shares, ratio, tolerance, metric, classes, rounding, resolution_multiple)
    aim = aim if hold else replace(aim, fixed=(False, False, False))
    if metric == "params" and aim.fixed[0] and aim.fixed[1] and not aim.low <= aim.base <= aim.high:
        return None
    for margin in MARGINS:
        found = _search(aim, margin)
        if found is not None and found.within:
            break
    return None if found is None else _point(aim, found, phi)


def distance_from_ray(
    baseline: Baseline, shares: Shares, network: ScaledArchitecture, rounding: DepthRounding | None = None
) -> float:
    """How far a network is from a ray, as `RayPoint.distance` says."""
    import numpy as np

    ratio = cost(network).macs / cost(baseline.unscaled(network.classes)).macs
    aim = _aim(baseline, shares, ratio, WIDEST, "macs", network.classes, rounding, 1)
    widths = (network.stem, *network.widths, network.head)
    depth, width = (
        log_alone(baseline, part, vector, network.classes)
        for part, vector in zip(PARTS, (network.depths, widths), strict=True)
    )
    size = np.array([2 * math.log(network.resolution / baseline.resolution)])
    return float(_steps(aim, _passed(aim, early=False)).distance(depth, width, size)[0])


class _Candidate(NamedTuple):
    within: bool
    distance: float
    off: float  # |log| of the real cost over the wanted one
    depth: Span
    width: Span
    pixels: int
    ratio: float

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Less is better."""
        return (False, self.distance, self.off) if self.within else (True, self.off, self.distance)


def _aim(
    baseline: Baseline,
    shares: Shares,
    ratio: float,
    tolerance: float,
    metric: str,
    classes: int,
    rounding: DepthRounding | None,
    multiple: int,
) -> _Aim:
    base = getattr(cost(baseline.unscaled(classes)), metric)
    way = 1.0 if ratio >= 1 else -1.0
    depth, width, size = (way * share / power for share, power in zip(shares, POWERS, strict=True))
    alone = sum(share != 0 for share in shares) == 1
    return _Aim(
        baseline=baseline,
        rates=(depth, width, size),
        base=base,
        wanted=ratio * base,
        low=ratio * base * (1 - tolerance),
        high=ratio * base * (1 + tolerance),
        metric=metric,
        classes=classes,
        rounding=rounding,
        multiple=multiple,
        fixed=tuple(alone and share == 0 for share in shares),  # type: ignore[arg-type]
    )


def _search(aim: _Aim, margin: float) -> _Candidate | None:
    """The nearest pairs of depths and widths first, until none can be nearer than the best."""
    import numpy as np

    begin, end = _passed(aim, early=True), _passed(aim, early=False)
    depths, widths = (_axis(aim, part, begin, end, margin) for part in PARTS)
    choices = _resolutions(aim, begin, end, margin)
    if not (depths and widths and choices):
        return None
    steps = _steps(aim, end)
    deep, wide = (
        np.array([aim.alone(part, span) for span in axis]) for part, axis in zip(PARTS, (depths, widths), strict=True)
    )
    across = (steps.width[None, :] - wide[:, None]) ** 2
    bounds = np.sqrt(np.array([((steps.depth - one) ** 2 + across).min(axis=1) for one in deep])).round(DIGITS)
    best: _Candidate | None = None
    for flat in np.argsort(bounds, axis=None, kind="stable")[:MAX_PAIRS].tolist():
        row, column = divmod(flat, len(widths))
        if best is not None and best.within and bounds[row, column] > best.distance:
            break
        for found in _sized(aim, depths[row], widths[column], choices, steps, (deep[row], wide[column])):
            if best is None or found.rank < best.rank:
                best = found
    return best


def _sized(
    aim: _Aim, depth: Span, width: Span, choices: Sequence[int], steps: _Steps, logs: tuple[float, float]
) -> Iterator[_Candidate]:
    """A pair at each resolution within the tolerance, else at the two around it."""
    import numpy as np

    try:
        shape = shape_profile(aim.baseline, depth.vector, width.vector, aim.classes)
    except ModelError:  # more than can be built
        return

    def price(pixels: int) -> float:
        return aim.count(shape.cost_at(pixels))

    first, behind = bisect_left(choices, aim.low, key=price), bisect_right(choices, aim.high, key=price)
    run = choices[first:behind] or [choices[at] for at in (first - 1, first) if 0 <= at < len(choices)]
    distances = steps.distance(*logs, 2 * np.log(np.array(run, dtype=np.float64) / aim.baseline.resolution))
    for pixels, distance in zip(run, distances.tolist(), strict=True):
        real = price(pixels)
        within = aim.low <= real <= aim.high
        yield _Candidate(within, distance, abs(math.log(real / aim.wanted)), depth, width, pixels, real / aim.base)


def _passed(aim: _Aim, *, early: bool) -> float:
    """How far along the ray its own rounded networks reach the tolerance, or leave it; at most where building ends."""
    growing = aim.rates[0] + 2 * aim.rates[1] + 2 * aim.rates[2] > 0
    level = aim.low if growing is early else aim.high

    def passed(along: float) -> bool:
        depth, width, size = aim.multipliers_at(along)
        pixels = aim.baseline.resolution_at(size)
        if not aim.baseline.smallest_resolution <= pixels <= MAX_RESOLUTION:
            return True
        try:
            shape = shape_profile(aim.baseline, aim.vector("depths", depth), aim.vector("widths", width), aim.classes)
        except ModelError:
            return True
        return (aim.count(shape.cost_at(pixels)) >= level) is growing

    low, high = 0.0, REACH / max(map(abs, aim.rates))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if passed(middle) else (middle, high)
    return high


def _axis(aim: _Aim, part: Part, begin: float, end: float, margin: float) -> list[Span]:
    """The vectors that the ray comes by between two of its places, and those around them."""
    axis = PARTS.index(part)
    if aim.fixed[axis]:
        return [Span(1.0, 1.0, aim.vector(part, 1.0))]
    ends = [aim.multipliers_at(along)[axis] for along in (begin, end)]
    around = spans(aim.baseline, part, aim.rounding, min(ends) / margin, max(ends) * margin)
    return [span for span in around if math.isfinite(aim.alone(part, span))]


def _resolutions(aim: _Aim, begin: float, end: float, margin: float) -> Sequence[int]:
    """Pixels around the ray's, multiples of what was asked for; nothing below the smallest size."""
    base, multiple = aim.baseline.resolution, aim.multiple
    if aim.fixed[2]:
        return [base]
    ends = [aim.multipliers_at(along)[2] * base for along in (begin, end)]
    low = max(min(ends) / margin, aim.baseline.smallest_resolution)
    high = min(max(ends) * margin, MAX_RESOLUTION)
    return range(math.ceil(low / multiple) * multiple, math.floor(high / multiple) * multiple + 1, multiple)


def _steps(aim: _Aim, end: float) -> _Steps:
    """The ray from the baseline on, a little beyond where it has passed."""
    import numpy as np

    end += BEYOND
    places, passed = [np.array([0.0, end])], []
    for axis, part in enumerate(PARTS):
        rate, (first, last) = aim.rates[axis], sorted((1.0, aim.multipliers_at(end)[axis]))
        passed.append(spans(aim.baseline, part, aim.rounding, first, last))
        if rate:
            places.append(np.log([span.high for span in passed[-1]]) / rate)
    edges = np.unique(np.concatenate(places))
    edges = edges[(edges >= 0) & (edges <= end)]
    middles = (edges[:-1] + edges[1:]) / 2
    logs = []
    for axis, part in enumerate(PARTS):
        highs = [span.high for span in passed[axis]]
        values = np.array([aim.alone(part, span) for span in passed[axis]])
        at = np.searchsorted(highs, np.exp(aim.rates[axis] * middles)).clip(0, len(highs) - 1)
        logs.append(np.concatenate(([0.0], values[at])))
    sizes = 2 * aim.rates[2] * np.stack((edges[:-1], edges[1:]))
    small, large = (np.concatenate(([0.0], one)) for one in (sizes.min(axis=0), sizes.max(axis=0)))
    return _Steps(logs[0], logs[1], small, large)


def _point(aim: _Aim, found: _Candidate, phi: float) -> RayPoint:
    base = aim.baseline.resolution
    size = Span((found.pixels - 0.5) / base, (found.pixels + 0.5) / base, (found.pixels,))
    coefficients = Coefficients(
        representative(found.depth, phi, lambda x: aim.vector("depths", x)),
        representative(found.width, phi, lambda x: aim.vector("widths", x)),
        representative(size, phi, lambda x: (aim.baseline.resolution_at(x),)),
    )
    network = aim.baseline.build(found.depth.vector, found.width.vector, found.pixels, classes=aim.classes)
    return RayPoint(network, coefficients, found.ratio, found.distance, found.within)
