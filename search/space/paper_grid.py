"""The paper's grid over the coefficients, as what it really is: a list of distinct feasible networks."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from search.space import lattice as lattices
from search.space.catalogue import Catalogue, Identity
from search.space.lattice import AXES, Floats, Lattice
from search.spec.spec import SearchSpec

Part = TypeVar("Part", bound=Hashable)
SLACK = 1e-9  # so that 1 + 20 * 0.05 counts as inside a range that ends at 2
DIGITS = 12  # of a coefficient: steps add up to 1.15, not to 1.1500000000000001


def values(bounds: Sequence[float], step: float) -> list[float]:
    """The points of one axis: from its lower bound on; of one that begins below 1, those of which 1 would be one.

    >>> values([1.0, 1.2], 0.05)
    [1.0, 1.05, 1.1, 1.15, 1.2]
    >>> values([0.833333, 1.0], 0.05)
    [0.85, 0.9, 0.95, 1.0]
    """
    low, high = bounds
    if low < 1:
        first = 1 - int((1 - low) / step + SLACK) * step
        low = first if first <= high else low
    count = int((high - low) / step + SLACK) + 1
    return [round(low + at * step, DIGITS) for at in range(count)]


def networks(spec: SearchSpec) -> list[Identity]:
    """The distinct networks of the grid, in the order in which its points first give them, alpha slowest.

    A resolution is the multiple of `resolution_multiple` nearest to what gamma says. A target in nominal cost
    (`product`) is judged at the points themselves: what they give, other coefficients give too.
    """
    network, phi, step, multiple = spec.network, spec.phi, spec.sampler.step, spec.space.resolution_multiple
    alphas, betas, gammas = (np.array(values(getattr(spec.space, name), step)) for name in AXES)
    depths = _distinct(network.depths_at(alpha**phi, spec.space.depth_rounding) for alpha in alphas.tolist())
    widths = _distinct(network.widths_at(beta**phi) for beta in betas.tolist())
    sizes = _distinct(int(gamma**phi * network.resolution / multiple + 0.5) * multiple for gamma in gammas.tolist())
    if spec.target.metric != "product":
        return [(depth, width, size) for depth in depths.firsts for width in widths.firsts for size in sizes.firsts]
    found: dict[Identity, None] = {}
    for alpha, depth in zip(alphas, depths.all, strict=True):
        nominal = (alpha * betas[:, None] ** 2 * gammas[None, :] ** 2) ** phi
        inside = (nominal >= spec.cost_range[0]) & (nominal <= spec.cost_range[1])
        for beta, gamma in np.argwhere(inside).tolist():
            found.setdefault((depth, widths.all[beta], sizes.all[gamma]))
    return list(found)


class _Steps(NamedTuple, Generic[Part]):
    """What each point of an axis gives, and each different one once."""

    all: list[Part]
    firsts: list[Part]


def _distinct(parts: Iterable[Part]) -> _Steps[Part]:
    given = list(parts)
    return _Steps(given, list(dict.fromkeys(given)))


def order(spec: SearchSpec, catalogue: Catalogue) -> tuple[int, ...]:
    """Places in the catalogue: the grid's feasible networks in grid order, then the others, nearest to the grid first.

    Kept for the last few catalogues.
    """
    return _remembered(_Question(lattices.of(spec, catalogue), spec.sampler.step, spec, catalogue))


@dataclass(frozen=True, slots=True)
class _Question:
    """What decides the order, and what it is worked out from."""

    lattice: Lattice
    step: float
    spec: SearchSpec = field(compare=False)
    catalogue: Catalogue = field(compare=False)


@lru_cache(maxsize=16)
def _remembered(question: _Question) -> tuple[int, ...]:
    spec, catalogue = question.spec, question.catalogue
    on_grid = [at for network in networks(spec) if (at := catalogue.position(network)) is not None]
    others = np.argsort(_distances(spec, question.lattice), kind="stable")
    taken = set(on_grid)
    return (*on_grid, *(at for at in others.tolist() if at not in taken))


def _distances(spec: SearchSpec, lattice: Lattice) -> Floats:
    """(networks,): how far each is from the nearest point of the grid, squared, in the units of the lattice."""
    total = np.zeros(len(lattice.points))
    for axis, name in enumerate(AXES):
        points = values(getattr(spec.space, name), spec.sampler.step)
        places = (np.log(points) - lattice.low[axis]) / lattice.span[axis]
        behind = np.clip(np.searchsorted(places, lattice.points[:, axis]), 1, max(1, len(places) - 1))
        around = places[np.stack((behind - 1, np.minimum(behind, len(places) - 1)))]
        total += (np.abs(around - lattice.points[:, axis]).min(axis=0)) ** 2
    return total
