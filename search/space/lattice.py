"""A catalogue as arrays: where each feasible network lies, and which one is nearest. Made once for each catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.scaling.coefficients import Coefficients
from search.space.catalogue import Candidate, Catalogue
from search.spec.spec import SearchSpec

AXES = ("alpha", "beta", "gamma")
KEPT = 64  # as many as catalogues are kept (search.space.catalogue)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]


class Axes(NamedTuple):
    """What the three axes hold: coordinates in [0, 1] of each distinct depth vector, width vector and resolution."""

    alpha: Floats
    beta: Floats
    gamma: Floats


@dataclass(frozen=True, eq=False)
class Lattice:
    """The feasible networks of a catalogue, in its order.

    `points` (networks, 3) are the logarithms of the coefficients, each axis in units of its range: 0 is the lower
    bound, 1 the upper; an axis without a range is 0 everywhere. `cells` (networks, 3) are places on the `axes`, `flat`
    (networks,) the same in a table of all their combinations.
    """

    points: Floats
    cells: Integers
    flat: Integers
    axes: Axes
    macs: Floats
    positions: dict[Triple, int]
    low: Floats
    span: Floats

    def place(self, coefficients: Sequence[Triple]) -> Floats:
        """(n, 3): where these coefficients lie; outside [0, 1] where the space ends before them."""
        logs = np.log(np.array(coefficients, dtype=np.float64).reshape(-1, 3))
        return (logs - self.low) / self.span

    def nearest(self, at: Floats, free: Mask) -> int:
        """The free network nearest to a point; of equally near ones the first of the catalogue."""
        distances = ((self.points - at) ** 2).sum(axis=1)
        return int(np.argmin(np.where(free, distances, np.inf)))

    @property
    def varying(self) -> Mask:
        """(3,): the axes along which the feasible networks differ."""
        return np.array([len(axis) > 1 for axis in self.axes])


def of(spec: SearchSpec, catalogue: Catalogue) -> Lattice:
    """The arrays of a spec's catalogue (kept for the last 64 of them)."""
    kept = _KEPT.pop(id(catalogue), None)
    if kept is None or kept[0] is not catalogue:
        kept = (catalogue, build(spec, catalogue))
    _KEPT[id(catalogue)] = kept  # the last one used stands at the end
    while len(_KEPT) > KEPT:
        _KEPT.pop(next(iter(_KEPT)), None)
    return kept[1]


def build(spec: SearchSpec, catalogue: Catalogue) -> Lattice:
    """The arrays of a catalogue. Coefficients may leave the space by a rounding error: they are kept inside."""
    bounds = np.log(np.array([getattr(spec.space, name) for name in AXES]))
    low, span = bounds[:, 0], np.where(bounds[:, 1] > bounds[:, 0], bounds[:, 1] - bounds[:, 0], 1.0)
    triples = [triple(candidate.coefficients) for candidate in catalogue.feasible]
    points = np.clip((np.log(np.array(triples)) - low) / span, 0.0, 1.0)
    cells, axes = _cells(catalogue.feasible, points)
    return Lattice(
        points=points,
        cells=cells,
        flat=np.ravel_multi_index(tuple(cells.T), tuple(map(len, axes))),
        axes=axes,
        macs=np.array([candidate.cost.macs for candidate in catalogue.feasible], dtype=np.float64),
        positions={at: position for position, at in enumerate(triples)},
        low=low,
        span=span,
    )


def triple(coefficients: Coefficients) -> Triple:
    """(alpha, beta, gamma)."""
    return coefficients.alpha, coefficients.beta, coefficients.gamma


def _cells(feasible: Sequence[Candidate], points: Floats) -> tuple[Integers, Axes]:
    """Networks of equal depths, widths or resolution share a place on that axis."""
    cells, axes = np.empty(points.shape, dtype=np.int64), []
    for axis, parts in enumerate(zip(*(candidate.identity for candidate in feasible), strict=True)):
        places: dict[object, int] = {}
        cells[:, axis] = [places.setdefault(part, len(places)) for part in parts]
        coordinates = np.zeros(len(places))
        coordinates[cells[::-1, axis]] = points[::-1, axis]  # of the first network there
        axes.append(coordinates)
    return cells, Axes(*axes)


# One process serves many searches; an entry holds its catalogue, so that its id is not given to another one.
_KEPT: dict[int, tuple[Catalogue, Lattice]] = {}
