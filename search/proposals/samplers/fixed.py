"""Samplers that use no results: what they propose is settled before the first trial, and they wait for nobody."""

from functools import lru_cache

import numpy as np

from search.proposals.history import View
from search.proposals.samplers.base import CatalogueSampler, at_random, stable_seed
from search.space.lattice import Floats
from search.space.paper_grid import order

BITS = 32  # of a Sobol number
# Joe & Kuo 2008, new-joe-kuo-6: (polynomial's degree, its inner coefficients, initial numbers) of dimensions 2 and 3;
# dimension 1 is van der Corput's sequence.
DIRECTIONS = ((1, 0, (1,)), (2, 1, (1, 3)))


class GridSampler(CatalogueSampler):
    """The paper's grid: its feasible networks in grid order, each once; then the others, nearest to the grid first."""

    def choose(self, view: View) -> int:
        """The first free one of that order."""
        return next(at for at in order(self.spec, self.catalogue) if view.free[at])


class RandomSampler(CatalogueSampler):
    """Every free network is as likely as any other."""

    def choose(self, view: View) -> int:
        """One of them."""
        return at_random(view)


class QMCSampler(CatalogueSampler):
    """A Sobol sequence, scrambled by the seed; each of its points becomes the nearest free network."""

    def choose(self, view: View) -> int:
        """The network nearest to the point of the trial's number."""
        return self.lattice.nearest(sobol(view.number, view.spec.seed), view.free)


def sobol(number: int, seed: int) -> Floats:
    """(3,): a point of the unit cube; the sequence with a random digital shift (Cranley-Patterson in base 2).

    >>> [sobol(0, 0).round(3).tolist() == sobol(0, 0).round(3).tolist(), sobol(0, 0).tolist() == sobol(0, 1).tolist()]
    [True, False]
    """
    gray = number ^ (number >> 1)
    point = []
    for axis, directions in enumerate(_directions()):
        bits = stable_seed(seed, -1 - axis)  # negative: no trial's own seed
        for place in range(BITS):
            if gray >> place & 1:
                bits ^= directions[place]
        point.append((bits + 0.5) / 2**BITS)
    return np.array(point)


@lru_cache(maxsize=1)
def _directions() -> tuple[tuple[int, ...], ...]:
    """Direction numbers of three dimensions, each 32 of them (Bratley & Fox 1988)."""
    found = [tuple(1 << (BITS - 1 - place) for place in range(BITS))]
    for degree, inner, initial in DIRECTIONS:
        numbers = [m << (BITS - 1 - place) for place, m in enumerate(initial)]
        for place in range(degree, BITS):
            value = numbers[place - degree] ^ (numbers[place - degree] >> degree)
            for step in range(1, degree):
                value ^= (inner >> (degree - 1 - step) & 1) * numbers[place - step]
            numbers.append(value)
        found.append(tuple(numbers))
    return tuple(found)
