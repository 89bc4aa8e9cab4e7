"""The finite set of networks that a spec can really give, and the feasible ones among them.

Rounding makes the space finite: a depth coefficient in [1, 2] gives seven different B0s. The catalogue holds every
distinct (depth vector, width vector, resolution) once, at its real cost; samplers choose from it and nothing else.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from models.scaling.architecture import Baseline, ScaledArchitecture
from models.scaling.coefficients import MAX_MULTIPLIER, Coefficients, edge, shortest_decimal
from models.scaling.cost import Cost, CostProfile, profile
from search.errors import NoFeasibleNetwork, SpaceTooLarge
from search.space import latency_table, limits
from search.space.latency_table import Axes, Reading
from search.spec.ranges import measured
from search.spec.spec import SearchSpec

MAX_DISTINCT = 1_000_000  # networks of one space; a few seconds to enumerate
MAX_SHAPES = 10_000  # depth vectors times width vectors: each is counted layer by layer, about 0.7 ms
SLACK = 1e-9  # so that 1.5 * 224 px counts as inside a range that ends at 1.5

AIM = {
    "metric",
    "ratio",
    "tolerance",
    "value",
    "at_most",
    "at_least_share",
    "baseline_ms",
}  # of the target; a table is long and stands there by its hash

Vector = tuple[int, ...]
Identity = tuple[Vector, Vector, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One feasible network. The coefficients are representatives: `intervals` of them realise the same integers."""

    coefficients: Coefficients
    depths: Vector
    widths: Vector  # stem, stages, head
    resolution: int  # pixels
    cost: Cost
    ratio: float  # of the target's metric, relative to the baseline

    @property
    def identity(self) -> Identity:
        """What makes two candidates the same network."""
        return self.depths, self.widths, self.resolution


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every network of a spec: how many there are, and the feasible ones in a fixed order."""

    distinct: int
    feasible: tuple[Candidate, ...]
    baseline_cost: Cost
    positions: dict[Identity, int]
    measured: Reading | None = None  # what the target's table says of the space; None of a target that is counted
    met: int = 0  # networks that meet the target, whether they keep the limits or not
    removed: tuple[int, ...] = ()  # how many of those each limit of the spec alone removes

    def position(self, identity: Identity) -> int | None:
        """Where a network stands in `feasible`; None when it is not there."""
        return self.positions.get(identity)


@dataclass(frozen=True, slots=True)
class _Row:
    """The networks of one depth vector and one width vector, over all resolutions."""

    alpha: float
    depths: Vector
    beta: float
    widths: Vector
    profile: CostProfile


def of(spec: SearchSpec) -> Catalogue:
    """The catalogue of a spec (kept for the last 64 of them).

    Raises `SpaceTooLarge`, or `NoFeasibleNetwork` with the nearest cost there is and the bound that stops it.
    """
    return _remembered(question(spec))


def question(spec: SearchSpec) -> "Question":
    """What of a spec decides its catalogue."""
    limits = {at: {"metric", "at_most"} for at in range(len(spec.limits))}
    text = spec.model_dump_json(
        include={
            "baseline": True,
            "phi": True,
            "space": True,
            "target": AIM,
            "limits": limits,
            "recipe": {"batch_size"},
        }
    )
    tables = [spec.target.table_sha256, *(limit.table_sha256 for limit in spec.limits)]
    return Question(f"{text} {tables}", spec.data.classes, spec)


def build(spec: SearchSpec, classes: int) -> Catalogue:
    """The catalogue of a spec for that many classes, whatever its data set has. Nothing is kept."""
    network = spec.network
    axes = _axes(spec)
    depths, widths, sizes = axes
    base = profile(network.unscaled(classes)).cost_at(network.resolution)
    distinct = len(depths) * len(widths) * len(sizes)
    if spec.target.metric == "latency_ms":
        reading = latency_table.read(spec, axes)
        met = list(_in_time(spec, axes, reading, classes))
    else:
        reading = None
        rows = [
            _Row(alpha, depth, beta, width, shape_profile(network, depth, width, classes))
            for alpha, depth in depths
            for beta, width in widths
        ]
        met = [candidate for row in rows for candidate in _feasible(spec, row, sizes, base)]
        if not met:
            raise _nothing_feasible(spec, rows, sizes, base)
    left = limits.kept(spec, axes, met)
    positions = {candidate.identity: at for at, candidate in enumerate(left.candidates)}
    return Catalogue(distinct, left.candidates, base, positions, reading, left.met, left.removed)


def _axes(spec: SearchSpec) -> Axes:
    """What the ranges give, each with its coefficient. Raises where they are too many, or no resolution at all."""
    network, phi, space = spec.network, spec.phi, spec.space
    depths = list(distinct_values(lambda a: network.depths_at(a**phi, space.depth_rounding), *space.alpha))
    widths = list(distinct_values(lambda b: network.widths_at(b**phi), *space.beta))
    sizes = resolutions(spec)
    distinct = len(depths) * len(widths) * len(sizes)
    if distinct > MAX_DISTINCT:
        raise SpaceTooLarge(
            f"the space holds {distinct:,} distinct networks and at most {MAX_DISTINCT:,} are enumerated: "
            "narrow a range or raise resolution_multiple",
            "/space",
        )
    if (shapes := len(depths) * len(widths)) > MAX_SHAPES:
        raise SpaceTooLarge(
            f"alpha and beta give {shapes:,} pairs of depths and widths and at most {MAX_SHAPES:,} are counted: "
            "narrow alpha or beta",
            "/space",
        )
    if not sizes:
        raise NoFeasibleNetwork(
            f"no multiple of {space.resolution_multiple} px lies within gamma {space.gamma} times "
            f"{network.resolution} px: widen gamma or lower resolution_multiple",
            "/space/resolution_multiple",
        )
    return Axes(depths, widths, sizes)


def architecture(spec: SearchSpec, candidate: Candidate) -> ScaledArchitecture:
    """The network of a candidate, with the data set's classes."""
    return spec.network.build(candidate.depths, candidate.widths, candidate.resolution, classes=spec.data.classes)


def distinct_values(vector: Callable[[float], Vector], low: float, high: float) -> Iterator[tuple[float, Vector]]:
    """Each value that a monotone step function takes on [low, high], with the simplest number that gives it."""
    at = low
    while True:
        value = vector(at)
        last = edge(at, high, lambda x, value=value: vector(x) == value)  # type: ignore[misc]
        yield shortest_decimal(at, last), value
        if last >= high:
            return
        at = math.nextafter(last, math.inf)


def interval(same: Callable[[float], bool], inside: float, phi: float, least: float = 1.0) -> tuple[float, float]:
    """The range of a coefficient, both ends included, for which `same` holds.

    It ends where scaling ends, and at 1 where the space's own least coefficient is not below 1.
    """
    low, high = sorted((MAX_MULTIPLIER ** (1 / phi), MAX_MULTIPLIER ** (-1 / phi)))
    return edge(inside, max(low, 1.0) if least >= 1 else low, same), edge(inside, high, same)


def intervals(spec: SearchSpec, candidate: Candidate) -> dict[str, tuple[float, float]]:
    """Per coefficient, the range that realises this very network when the other two stay as they are."""
    network, phi, space, at = spec.network, spec.phi, spec.space, candidate.coefficients
    same: dict[str, Callable[[float], bool]] = {
        "alpha": lambda a: network.depths_at(a**phi, space.depth_rounding) == candidate.depths,
        "beta": lambda b: network.widths_at(b**phi) == candidate.widths,
        "gamma": lambda g: network.resolution_at(g**phi) == candidate.resolution,
    }
    return {name: interval(same[name], getattr(at, name), phi, getattr(space, name)[0]) for name in same}


def resolutions(spec: SearchSpec) -> list[tuple[float, int]]:
    """(gamma, pixels) for the multiples of `resolution_multiple` within the gamma range, raised to phi, rising.

    None at which the last map would have less than a pixel.
    """
    multiple, base = spec.space.resolution_multiple, spec.network.resolution
    low, high = sorted(end**spec.phi for end in spec.space.gamma)
    first = math.ceil(max(base * low * (1 - SLACK), spec.network.smallest_resolution) / multiple)
    last = math.floor(base * high * (1 + SLACK) / multiple)
    if last - first >= MAX_DISTINCT:
        raise SpaceTooLarge(
            f"the space holds {last - first + 1:,} resolutions; at most {MAX_DISTINCT:,} are enumerated", "/space/gamma"
        )
    return [(_gamma(spec, pixels), pixels) for pixels in range(first * multiple, last * multiple + 1, multiple)]


def _gamma(spec: SearchSpec, pixels: int) -> float:
    exact = min(max((pixels / spec.network.resolution) ** (1 / spec.phi), spec.space.gamma[0]), spec.space.gamma[1])
    least = spec.space.gamma[0]
    low, high = interval(lambda g: spec.network.resolution_at(g**spec.phi) == pixels, exact, spec.phi, least)
    return shortest_decimal(max(low, spec.space.gamma[0]), min(high, spec.space.gamma[1]))


@dataclass(frozen=True, slots=True)
class Question:
    """What of a spec decides its catalogue, and the spec itself."""

    text: str
    classes: int
    spec: SearchSpec = field(compare=False)


@lru_cache(maxsize=64)
def _remembered(asked: Question) -> Catalogue:
    return build(asked.spec, asked.classes)


@lru_cache(maxsize=MAX_SHAPES)  # about 1 kB each
def shape_profile(network: Baseline, depths: Vector, widths: Vector, classes: int) -> CostProfile:
    """The cost of these blocks and channels at any resolution; the last ones asked for are remembered."""
    return profile(network.build(depths, widths, network.resolution, classes=classes))


def relative(spec: SearchSpec, coefficients: Coefficients, cost: Cost, base: Cost) -> float:
    """What a counted target is compared with: the nominal product, or a real cost over the unscaled baseline's."""
    metric = spec.target.metric
    if metric == "product":
        return float(coefficients.product**spec.phi)
    batch = spec.recipe.batch_size
    return measured(metric, cost, batch) / measured(metric, base, batch)


def _ratio(spec: SearchSpec, row: _Row, size: tuple[float, int], base: Cost) -> float:
    return relative(spec, Coefficients(row.alpha, row.beta, size[0]), row.profile.cost_at(size[1]), base)


def _feasible(spec: SearchSpec, row: _Row, sizes: Sequence[tuple[float, int]], base: Cost) -> Iterator[Candidate]:
    """Cost rises with resolution, so the feasible resolutions of a row are one run of them."""

    def ratio(size: tuple[float, int]) -> float:
        return _ratio(spec, row, size, base)

    low, high = spec.cost_range
    first, last = bisect_left(sizes, low, key=ratio), bisect_right(sizes, high, key=ratio)
    for size in sizes[first:last]:
        coefficients = Coefficients(row.alpha, row.beta, size[0])
        yield Candidate(coefficients, row.depths, row.widths, size[1], row.profile.cost_at(size[1]), ratio(size))


def _in_time(spec: SearchSpec, axes: Axes, reading: Reading, classes: int) -> Iterator[Candidate]:
    """The measured networks that meet a latency target, in the order of the others."""
    for place in latency_table.feasible(spec, axes, reading):
        (alpha, depths), (beta, widths), (gamma, pixels) = axes.network_at(place)
        counted = shape_profile(spec.network, depths, widths, classes).cost_at(pixels)
        ratio = latency_table.relative(spec, reading.medians[place])
        yield Candidate(Coefficients(alpha, beta, gamma), depths, widths, pixels, counted, ratio)


def _nothing_feasible(
    spec: SearchSpec, rows: Sequence[_Row], sizes: Sequence[tuple[float, int]], base: Cost
) -> NoFeasibleNetwork:
    reached = [(_ratio(spec, row, size, base), row, size) for row in rows for size in sizes]
    nearest = min(reached, key=lambda entry: abs(entry[0] - spec.ratio))
    lowest, highest = min(entry[0] for entry in reached), max(entry[0] for entry in reached)
    space, target, pointer = spec.space, spec.target, "/space"
    if lowest <= spec.ratio <= highest:
        name = target.slack[0]
        allowed = f"{'the ' if name == 'tolerance' else ''}{name} {getattr(target, name):g}"
        bound = f"{allowed} and resolution_multiple {space.resolution_multiple} stop it"
        pointer = f"/target/{name}"
    else:
        side = 1 if spec.ratio > highest else 0
        bound = (
            f"the {('lower', 'upper')[side]} bounds stop it: "
            f"alpha {space.alpha[side]:g}, beta {space.beta[side]:g}, gamma {space.gamma[side]:g}"
        )
    ratio, row, (gamma, pixels) = nearest
    return NoFeasibleNetwork(
        f"none of the {len(reached):,} networks of the space costs {spec.ratio:g} times the baseline's {target.metric} "
        f"{target.slack[1]}; the nearest costs {ratio:.4g} times{_absolute(spec, ratio)} (alpha {row.alpha:g}, "
        f"beta {row.beta:g}, gamma {gamma:g}: {pixels} px); {bound}",
        pointer,
    )


def _absolute(spec: SearchSpec, ratio: float) -> str:
    """A cost in the metric's own unit, where the target says it so."""
    asked = spec.target.value or spec.target.at_most
    return "" if asked is None else f", {ratio / spec.ratio * asked:,.0f} where {asked:,.0f} is asked for"
