"""NSGA-II and NSGA-III (Deb et al. 2002; Deb & Jain 2014) on a finite set of networks."""

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterator

import numpy as np

from search.proposals.history import Observations, View
from search.proposals.samplers.base import CatalogueSampler, at_random, generator
from search.space.lattice import Floats, Integers

POPULATION = 50  # parents at most (optuna, population_size); the better half of fewer: searches are short
LEAST_OBSERVED = 2  # a child has two parents
CROSSOVER = 0.9  # of children have something of both parents (optuna, crossover_prob)
STEP = 0.1  # the standard deviation of a mutation in units of the range: a tenth, about one depth vector of B0
DIVISIONS = 12  # of each axis by the reference points for up to three objectives (Deb & Jain 2014, table 1)


class GeneticSampler(CatalogueSampler):
    """A child of two good parents: each coordinate from one of them, one in three changed; the nearest free network."""

    learns = True

    def choose(self, view: View) -> int:
        """The network nearest to the child of the trial's number."""
        if len(view.observations) < LEAST_OBSERVED:
            return at_random(view)
        observations = view.observations.part(POPULATION, 4 * POPULATION)
        chance = generator(view)
        parents = self.survivors(observations, min(POPULATION, (len(observations) + 1) // 2))
        mother, father = (observations.points[parents[_tournament(len(parents), chance)]] for _ in range(2))
        mixed = chance.random(3) < (0.5 if chance.random() < CROSSOVER else 0.0)
        child = np.where(mixed, father, mother)
        changed = chance.random(3) < 1 / 3
        child = np.clip(child + changed * chance.normal(0.0, STEP, 3), 0.0, 1.0)
        return self.lattice.nearest(child, view.free)

    @abstractmethod
    def survivors(self, observations: Observations, size: int) -> Integers:
        """Places of the parents, that many, best first."""


class NSGA2Sampler(GeneticSampler):
    """Parents by non-dominated front, of one front those with the fewest others near them first."""

    def survivors(self, observations: Observations, size: int) -> Integers:
        """The first of that order."""
        return observations.order()[:size]


class NSGA3Sampler(GeneticSampler):
    """Parents by non-dominated front; of the last front that fits in part, those near to directions yet unserved."""

    def survivors(self, observations: Observations, size: int) -> Integers:
        """Whole fronts while they fit, then one for each of the directions that have fewest."""
        order = observations.order()
        if observations.values.shape[1] == 1:
            return order[:size]
        fronts = list(_fronts(observations, order))
        taken: list[int] = []
        for front in fronts:
            if len(taken) + len(front) > size:
                return np.array(taken + _spread(observations.values, taken, front, size - len(taken)), dtype=np.int64)
            taken += front
        return np.array(taken, dtype=np.int64)


def directions(objectives: int) -> Floats:
    """(n, objectives): weights that sum to 1, evenly over all that there are (Das & Dennis 1998)."""
    divisions = DIVISIONS if objectives <= 3 else 3  # more objectives: no more directions than parents
    bars = itertools.combinations(range(divisions + objectives - 1), objectives - 1)
    cuts = np.array([(-1, *bar, divisions + objectives - 1) for bar in bars])
    return np.asarray((np.diff(cuts, axis=1) - 1) / divisions)


def _tournament(count: int, chance: np.random.Generator) -> int:
    """The better of two parents, as a place in their order."""
    return int(chance.integers(count, size=2).min())


def _fronts(observations: Observations, order: Integers) -> Iterator[list[int]]:
    """Finished trials front by front, then the pruned ones one by one."""
    from search.results import objectives

    finished = [at for at in order.tolist() if observations.finished[at]]
    numbers = objectives.fronts([tuple(row) for row in observations.values[finished].tolist()])
    for number in sorted(set(numbers)):
        yield [at for at, front in zip(finished, numbers, strict=True) if front == number]
    yield from ([at] for at in order.tolist() if not observations.finished[at])


def _spread(values: Floats, taken: list[int], front: list[int], count: int) -> list[int]:
    """`count` of a front, each for the direction that has fewest so far, and nearest to it."""
    among = np.array(taken + front)
    shares = _shares(values[among])
    rays = directions(values.shape[1])
    rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    along = shares @ rays.T
    apart = np.sqrt(np.maximum((shares**2).sum(axis=1, keepdims=True) - along**2, 0.0))
    nearest = apart.argmin(axis=1)
    served = np.bincount(nearest[: len(taken)], minlength=len(rays)).astype(float)
    left = list(range(len(taken), len(among)))
    chosen: list[int] = []
    while len(chosen) < count:
        served_of = [(served[nearest[at]], apart[at, nearest[at]], at) for at in left]
        _, _, best = min(served_of)
        chosen.append(int(among[best]))
        served[nearest[best]] += 1
        left.remove(best)
    return chosen


def _shares(values: Floats) -> Floats:
    """(n, objectives): how far each is from the best of each objective, in units of its finite range."""
    finite = np.isfinite(values)
    best = np.max(np.where(finite, values, -math.inf), axis=0)
    worst = np.min(np.where(finite, values, math.inf), axis=0)
    span = np.where(best > worst, best - worst, 1.0)
    return np.asarray(np.where(finite, (np.where(finite, best, 0.0) - np.where(finite, values, 0.0)) / span, 2.0))
