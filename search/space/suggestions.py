"""Which single change of a spec would give its search more to choose from, counted on the real catalogue."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from models.errors import ModelError
from models.scaling.coefficients import MAX_MULTIPLIER
from models.scaling.cost import profile
from models.wording import counted
from search.errors import SearchError
from search.space import latency_table
from search.space.catalogue import (
    MAX_DISTINCT,
    MAX_SHAPES,
    Catalogue,
    Question,
    Vector,
    distinct_values,
    question,
    resolutions,
    shape_profile,
)
from search.space.latency_table import Axes
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
            count = _count(change.spec, asked.classes, getattr(base, spec.target.metric, 0))
        except (ModelError, SearchError):  # so far the network cannot be scaled, or not be counted
            count = 0
        if (more := count - feasible) > 0:
            text = f"{change.words}: {counted(more, 'more network')}"
            found.append(Suggestion(change.pointer, change.value, count, more, text))
    return tuple(sorted(found, key=lambda suggestion: -suggestion.more)[:SHOWN])


def _changes(spec: SearchSpec) -> Iterator[_Change]:
    """Each field by one step, in the order of the spec."""
    if (tolerance := min(1.0, 2 * spec.target.tolerance)) > spec.target.tolerance:
        target = spec.target.model_copy(update={"tolerance": tolerance})
        words = f"accept a tolerance of {tolerance:g}"
        yield _Change("/target/tolerance", tolerance, words, spec.model_copy(update={"target": target}))
    for name in ("alpha", "beta", "gamma"):
        low, high = getattr(spec.space, name)
        wider = min(_wider(spec, name, high), math.floor(1e6 * MAX_MULTIPLIER ** (1 / spec.phi)) / 1e6)
        if wider > high:
            yield _bounds(spec, name, [low, wider], f"widen {name} to {wider:g}")
        if (lower := max(1.0, round(low - STEP, 6))) < low:
            yield _bounds(spec, name, [lower, high], f"lower {name} to {lower:g}")
    if (multiple := spec.space.resolution_multiple // 2) >= 1:
        changed = spec.space.model_copy(update={"resolution_multiple": multiple})
        words = f"lower resolution_multiple to {multiple}"
        yield _Change("/space/resolution_multiple", multiple, words, spec.model_copy(update={"space": changed}))


def _wider(spec: SearchSpec, name: str, high: float) -> float:
    """A step up; for gamma at least to the next resolution, or nothing would come of it."""
    if name != "gamma":
        return round(high + STEP, 6)
    multiple, base = spec.space.resolution_multiple, spec.network.resolution
    following = (math.floor(base * high**spec.phi / multiple + 1e-9) + 1) * multiple
    reached = float((following / base) ** (1 / spec.phi))
    return max(round(high + STEP, 6), math.ceil(100 * reached) / 100)


def _bounds(spec: SearchSpec, name: str, bounds: list[float], words: str) -> _Change:
    space = spec.space.model_copy(update={name: bounds})
    return _Change(f"/space/{name}", bounds, words, spec.model_copy(update={"space": space}))


def _count(spec: SearchSpec, classes: int, base: int) -> int:
    """How many networks of a spec meet its target: `len(catalogue.build(spec).feasible)`, without making them."""
    network, phi, space = spec.network, spec.phi, spec.space
    alphas = _axis(network, "depths", phi, space.depth_rounding, *space.alpha)
    betas = _axis(network, "widths", phi, None, *space.beta)
    sizes = resolutions(spec)
    shapes = len(alphas) * len(betas)
    if shapes > MAX_SHAPES or shapes * len(sizes) > MAX_DISTINCT or not sizes:
        return 0
    if spec.target.metric == "latency_ms":
        return len(list(latency_table.within(spec, latency_table.read(spec, Axes(alphas, betas, sizes)))))
    if spec.target.metric == "product":
        ratios = _products(alphas, betas, sizes) ** phi
    else:
        ratios = _costs(spec, classes, alphas, betas, [pixels for _, pixels in sizes]) / base
    low, high = (spec.ratio * (1 + side * spec.target.tolerance) for side in (-1, 1))
    return int(((ratios >= low) & (ratios <= high)).sum())


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


def _costs(spec: SearchSpec, classes: int, alphas: Axis, betas: Axis, pixels: Sequence[int]) -> "NDArray[np.float64]":
    """(shapes, resolutions): the target's metric. All shapes of a baseline have its strides, so areas are shared."""
    import numpy as np

    profiles = [shape_profile(spec.network, depths, widths, classes) for _, depths in alphas for _, widths in betas]
    metric = spec.target.metric
    if metric == "params":
        params = np.array([one.params for one in profiles], np.float64)
        return np.repeat(params[:, None], len(pixels), axis=1)
    areas = np.array([profiles[0].areas(size) for size in pixels], np.float64).T
    per_pixel = np.array([getattr(one, metric) for one in profiles], np.float64)
    fixed = np.array([getattr(one, f"fixed_{metric}") for one in profiles], np.float64)
    costs: NDArray[np.float64] = per_pixel @ areas + fixed[:, None]  # whole numbers below 2^53: exact
    return costs
