"""Bayesian optimisation on a finite set: a Gaussian process of the observations, and expected improvement."""

import math

import numpy as np

from search.proposals import gaussian_process
from search.proposals.history import Observations, View
from search.proposals.samplers.base import CatalogueSampler, at_random, generator
from search.space.lattice import Floats

# The work of a fit grows with the cube: 128 keep a proposal below a tenth of a second
MOST_OBSERVED, BEST_OBSERVED = 128, 32
MOST_COMPARED = 4096  # free networks; of more, a random part is compared
LEAST_OBSERVED = 2  # of one value no process can tell how much values differ
SURE = 1e-12  # an accuracy known better than this is known
FLATTENING = 0.05  # the share of the sum beside the largest part in a weighting of objectives (Knowles 2006, ParEGO)


class GPSampler(CatalogueSampler):
    """Takes the free network of the largest expected improvement for each unit of training, by multiply-adds.

    What is to be improved upon is the best expectation among the observed networks, not the best value: that one is
    high by luck, too. Trials whose results do not count yet make their surroundings less uncertain, so that proposals
    made at the same time keep apart. With several objectives each proposal weighs them in its own way (ParEGO).
    """

    learns = True

    def choose(self, view: View) -> int:
        """The first of the best."""
        observations = view.observations.part(BEST_OBSERVED, MOST_OBSERVED)
        axes = np.flatnonzero(self.lattice.varying)
        if len(observations) < LEAST_OBSERVED or not len(axes):
            return at_random(view)
        process = gaussian_process.fit(
            observations.points[:, axes], _levelled(observations, weighed(observations.values, generator(view)))
        )
        free = np.flatnonzero(view.free)
        if len(free) > MOST_COMPARED:
            free = np.sort(generator(view).choice(free, MOST_COMPARED, replace=False))
        at = self.lattice.points[free][:, axes]
        pending = view.pending[-MOST_OBSERVED:, axes]
        target = float(process.expected(observations.points[:, axes]).max())
        gain = improvement(process.expected(at), process.deviation(at, pending), target)
        # with several objectives the cost is for these to judge
        effort = self.lattice.macs[free] if observations.values.shape[1] == 1 else 1.0
        return int(free[np.argmax(gain / effort)])


def improvement(expected: Floats, deviation: Floats, target: float) -> Floats:
    """(n,): by how much a normal variable is above the target, on average (Mockus 1978).

    >>> improvement(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.0).round(4).tolist()
    [1.0, 0.3989]
    """
    spread = np.maximum(deviation, SURE)
    score = (expected - target) / spread
    below = np.array(
        [math.erfc(-each) / 2 for each in (score / math.sqrt(2)).tolist()]
    )  # SciPy takes a while to import
    return np.asarray(spread * (score * below + np.exp(-0.5 * score**2) / math.sqrt(2 * math.pi)))


def weighed(values: Floats, chance: np.random.Generator) -> Floats:
    """(n,): several objectives as one, weighed at random: the smallest weighed share, and a little of their sum.

    A single one stays as it is. Shares are of the range that the finite values have; an endless cost has none.
    """
    if values.shape[1] == 1:
        return values[:, 0]
    weights = chance.dirichlet(np.ones(values.shape[1]))
    finite = np.where(np.isfinite(values), values, np.nan)
    known = np.isfinite(finite).any(axis=0)
    low = np.where(known, np.min(np.where(np.isfinite(values), values, math.inf), axis=0), 0.0)
    high = np.where(known, np.max(values, axis=0), 0.0)
    shares = np.where(np.isfinite(values), (values - low) / np.where(high > low, high - low, 1.0), 0.0)
    parts = weights * (shares - 1.0)  # 0 is the best that was seen of an objective
    return np.asarray(parts.min(axis=1) + FLATTENING * parts.sum(axis=1))


def _levelled(observations: Observations, values: Floats) -> Floats:
    """A pruned trial counts as the worst that was trained to the end: how far it would have come is not known."""
    if not observations.finished.any():
        return values
    return np.where(observations.finished, values, values[observations.finished].min())
