"""Which single change of a spec would give its search more to choose from, counted on the real catalogue."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from models.errors import ModelError
from models.scaling.anatomy import training_bytes
from models.scaling.coefficients import MAX_MULTIPLIER
from models.scaling.cost import FLOAT_BYTES, Cost, profile
from models.wording import counted
from search.errors import SearchError
from search.space.catalogue import (
    MAX_DISTINCT,
    MAX_SHAPES,
    Catalogue,
    Question,
    Vector,
    build,
    distinct_values,
    question,
    resolutions,
    shape_profile,
)
from search.spec.ranges import measured
from search.spec.spec import SearchSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEP = 0.1  # of a bound: what a person changes a coefficient's range by
FEW = 2  # networks a trial: a search that trains more than half of what there is has little to choose from
SHOWN = 3  # more than these is a list to study, not advice

Axis = tuple[tuple[float, Any], ...]  # representative coefficient and what it gives: a vector, or pixels


class Suggestion(NamedTuple):
    """A field of the spec (JSON pointer), a value for it, how many networks are feasible then, and how many more."""

    pointer: str
    value: float | list[float]
    feasible: int
    more: int
    message: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return self._asdict()


class _Change(NamedTuple):
    pointer: str
    value: float | list[float]
    words: str
    spec: SearchSpec


def suggestions(spec: SearchSpec, space: Catalogue) -> tuple[Suggestion, ...]:
    """Where networks are few for the trials asked for: the changes that add most, best first. Otherwise none."""
    if len(space.feasible) >= FEW * spec.trials:
        return ()
    return _remembered(question(spec), len(space.feasible))


@lru_cache(maxsize=64)  # as many as catalogues
def _remembered(asked: Question, feasible: int) -> tuple[Suggestion, ...]:
    spec = asked.spec
    base = profile(spec.network.unscaled(asked.classes)).cost_at(spec.network.resolution)
    found = []
    for change in _changes(spec):
        try:
            count = _count(change.spec, asked.classes, _base(spec, base))
        except (ModelError, SearchError):  # so far the network cannot be scaled, or not be counted
            count = 0
        if (more := count - feasible) > 0:
            text = f"{change.words}: {counted(more, 'more network')}"
            found.append(Suggestion(change.pointer, change.value, count, more, text))
    return tuple(sorted(found, key=lambda suggestion: -suggestion.more)[:SHOWN])


def _changes(spec: SearchSpec) -> Iterator[_Change]:
    """Each field by one step, in the order of the spec."""
    yield from _looser(spec)
    for name in ("alpha", "beta", "gamma"):
        low, high = getattr(spec.space, name)
        least, most = sorted((MAX_MULTIPLIER ** (1 / spec.phi), MAX_MULTIPLIER ** (-1 / spec.phi)))
        wider = min(_wider(spec, name, high), math.floor(1e6 * most) / 1e6, MAX_MULTIPLIER)
        if wider > high:
            yield _bounds(spec, name, [low, wider], f"widen {name} to {wider:g}")
        # a space that only grows is not told to shrink
        if (lower := max(1.0 if low >= 1 else max(least, STEP), round(low - STEP, 6))) < low:
            yield _bounds(spec, name, [lower, high], f"lower {name} to {lower:g}")
    if (multiple := spec.space.resolution_multiple // 2) >= 1:
        changed = spec.space.model_copy(update={"resolution_multiple": multiple})
        words = f"lower resolution_multiple to {multiple}"
        yield _Change("/space/resolution_multiple", multiple, words, spec.model_copy(update={"space": changed}))


def _looser(spec: SearchSpec) -> Iterator[_Change]:
    """More room around the cost asked for, and under each limit."""
    name, _ = spec.target.slack
    now = getattr(spec.target, name)
    value = round(now / 2, 6) if name == "at_least_share" else min(1.0, 2 * now)
    if value != now:
        target = spec.target.model_copy(update={name: value})
        words = f"accept {'a tolerance' if name == 'tolerance' else 'a share of the ceiling'} of {value:g}"
        yield _Change(f"/target/{name}", value, words, spec.model_copy(update={"target": target}))
    for at, limit in enumerate(spec.limits):
        limits = [*spec.limits]
        most = round(limit.at_most * (1 + STEP), 6)
        limits[at] = limit.model_copy(update={"at_most": most})
        words = f"allow {most:,.6g} {limit.metric}"
        yield _Change(f"/limits/{at}/at_most", most, words, spec.model_copy(update={"limits": limits}))


def _wider(spec: SearchSpec, name: str, high: float) -> float:
    """A step up; for gamma at least to the next resolution, or nothing would come of it."""
    if name != "gamma" or spec.phi < 0:
        return round(high + STEP, 6)
    multiple, base = spec.space.resolution_multiple, spec.network.resolution
    following = (math.floor(base * high**spec.phi / multiple + 1e-9) + 1) * multiple
    reached = float((following / base) ** (1 / spec.phi))
    return max(round(high + STEP, 6), math.ceil(100 * reached) / 100)


def _bounds(spec: SearchSpec, name: str, bounds: list[float], words: str) -> _Change:
    space = spec.space.model_copy(update={name: bounds})
    return _Change(f"/space/{name}", bounds, words, spec.model_copy(update={"space": space}))


def _base(spec: SearchSpec, cost: Cost) -> int:
    metric = spec.target.metric
    return 0 if metric in ("product", "latency_ms") else measured(metric, cost, spec.recipe.batch_size)


def _count(spec: SearchSpec, classes: int, base: int) -> int:
    """How many networks of a spec meet its target: `len(catalogue.build(spec).feasible)`, without making them."""
    network, phi, space = spec.network, spec.phi, spec.space
    alphas = _axis(network, "depths", phi, space.depth_rounding, *space.alpha)
    betas = _axis(network, "widths", phi, None, *space.beta)
    sizes = resolutions(spec)
    shapes = len(alphas) * len(betas)
    if shapes > MAX_SHAPES or shapes * len(sizes) > MAX_DISTINCT or not sizes:
        return 0
    if spec.target.metric == "latency_ms" or any(limit.metric == "latency_ms" for limit in spec.limits):
        return len(build(spec, classes).feasible)
    pixels = [size for _, size in sizes]
    if spec.target.metric == "product":
        ratios = (_products(alphas, betas, sizes) ** phi).reshape(-1, len(pixels))
    else:
        ratios = _costs(spec, spec.target.metric, classes, alphas, betas, pixels) / base
    low, high = spec.cost_range
    inside = (ratios >= low) & (ratios <= high)
    for limit in spec.limits:
        inside &= _costs(spec, limit.metric, classes, alphas, betas, pixels) <= limit.at_most
    return int(inside.sum())


@lru_cache(maxsize=64)
def _axis(network: Any, part: str, phi: float, rounding: Any, low: float, high: float) -> Axis:
    """The distinct depth or width vectors of a range: most changes leave them as they are."""

    def vector(x: float) -> Vector:
        found: Vector = network.depths_at(x**phi, rounding) if part == "depths" else network.widths_at(x**phi)
        return found

    return tuple(distinct_values(vector, low, high))


def _products(alphas: Axis, betas: Axis, sizes: Sequence[tuple[float, int]]) -> "NDArray[np.float64]":
    """(depths, widths, resolutions): the paper's nominal cost of a step."""
    import numpy as np

    a, b, g = (np.array([value for value, _ in axis]) for axis in (alphas, betas, sizes))
    products: NDArray[np.float64] = (a[:, None, None] * b[None, :, None] ** 2 * g[None, None, :] ** 2).round(12)
    return products


def _costs(
    spec: SearchSpec, metric: str, classes: int, alphas: Axis, betas: Axis, pixels: Sequence[int]
) -> "NDArray[np.float64]":
    """(shapes, resolutions) in a metric. All shapes of a baseline have its strides, so areas are shared."""
    import numpy as np

    profiles = [shape_profile(spec.network, depths, widths, classes) for _, depths in alphas for _, widths in betas]
    if metric in ("params", "weight_bytes"):
        params = np.array([one.params for one in profiles], np.float64)
        return np.repeat(params[:, None], len(pixels), axis=1) * (1 if metric == "params" else FLOAT_BYTES)
    if metric == "memory_bytes":
        state, images = (_costs(spec, name, classes, alphas, betas, pixels) for name in ("params", "activations"))
        batch = spec.recipe.batch_size  # the estimate adds up both
        return state * training_bytes(1, 0, batch) + images * training_bytes(0, 1, batch)
    areas = np.array([profiles[0].areas(size) for size in pixels], np.float64).T
    per_pixel = np.array([getattr(one, metric) for one in profiles], np.float64)
    fixed = np.array([getattr(one, f"fixed_{metric}") for one in profiles], np.float64)
    costs: NDArray[np.float64] = per_pixel @ areas + fixed[:, None]  # whole numbers below 2^53: exact
    return costs
