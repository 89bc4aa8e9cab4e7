"""The tree-structured Parzen estimator (Bergstra et al. 2011) on a finite set of networks."""

import math

import numpy as np

from search.proposals.history import BEST_OBSERVED, MOST_OBSERVED, View
from search.proposals.matrices import product
from search.proposals.samplers.base import CatalogueSampler, at_random, generator
from search.space.lattice import Floats, Integers, Lattice

GOOD_SHARE = 0.1  # optuna, default_gamma: the best tenth is good, at most 25
DRAWN = 24  # networks that are compared (optuna, n_ei_candidates)
BANDWIDTH = 0.2  # of a single kernel, in units of the range (optuna, SIGMA0_MAGNITUDE of its multivariate TPE)
NARROWEST = 100  # a bandwidth is at least the range / min(this, 1 + kernels) (optuna, consider_magic_clip)
FLAT = 25  # the latest of a group that all weigh 1; earlier ones less and less (optuna, default_weights)


class TPESampler(CatalogueSampler):
    """Draws networks like the good ones and takes the one that is least like the others.

    The good are the best tenth of the observations. Trials whose results do not count yet are among the others, so that
    proposals made at the same time keep apart.
    """

    learns = True

    def choose(self, view: View) -> int:
        """The most promising of 24 free networks drawn from the density of the good."""
        observations = view.observations.part()
        if not len(observations) or not self.lattice.varying.any():
            return at_random(view)
        good = min(math.ceil(GOOD_SHARE * len(view.observations)), BEST_OBSERVED)
        order = observations.order()
        best, others = np.sort(order[:good]), np.sort(order[good:])  # oldest first: weights depend on age
        like, unlike = (
            Kernels(self.lattice, observations.points[best]),
            Kernels(self.lattice, np.concatenate((observations.points[others], view.pending))[-MOST_OBSERVED:]),
        )
        free = np.flatnonzero(view.free)
        density = like.over(free)
        sums = np.cumsum(density)
        if not sums[-1] > 0:  # all that is free lies beyond the reach of a float
            return at_random(view)
        drawn = np.searchsorted(sums, generator(view).random(DRAWN) * sums[-1], side="right")
        drawn = np.minimum(drawn, len(free) - 1)
        with np.errstate(divide="ignore"):
            gain = np.log(density[drawn]) - np.log(unlike.density_at(free[drawn]))
        return int(free[drawn[np.argmax(gain)]])


class Kernels:
    """A density on the lattice: a normal one around each point, and one as wide as the space.

    Each kernel is a product over the axes and sums to 1 over the values that the axes take.
    """

    def __init__(self, lattice: Lattice, points: Floats) -> None:
        varying = lattice.varying
        count = len(points)
        width = BANDWIDTH * max(count, 1) ** (-1 / (int(varying.sum()) + 4))
        width = min(max(width, 1 / min(NARROWEST, 2 + count)), 1.0)
        self.lattice = lattice
        self.weights = _weights(count)
        centres = np.concatenate((points, np.full((1, 3), 0.5)))
        widths = np.append(np.full(count, width), 1.0)[:, None]
        self.axes = []
        for axis, places in enumerate(lattice.axes):
            heights = places[None, :] - centres[:, axis, None]
            heights /= widths  # in place from here on: it is most of a proposal's time
            heights *= heights
            heights *= -0.5
            np.exp(heights, out=heights)
            heights /= np.maximum(heights.sum(axis=1, keepdims=True), np.finfo(float).tiny)
            self.axes.append(heights)

    def over(self, networks: Integers) -> Floats:
        """The density at many networks: that of all combinations of the axes' values is made first."""
        alpha, beta, gamma = self.axes
        pairs = (self.weights[:, None, None] * alpha[:, :, None] * beta[:, None, :]).reshape(len(alpha), -1).T
        return np.asarray(product(pairs, gamma).ravel()[self.lattice.flat[networks]], dtype=np.float64)

    def density_at(self, networks: Integers) -> Floats:
        """The density at a few networks."""
        cells = self.lattice.cells[networks]
        alpha, beta, gamma = (table[:, cells[:, axis]] for axis, table in enumerate(self.axes))
        return np.asarray(self.weights @ (alpha * beta * gamma), dtype=np.float64)


def _weights(count: int) -> Floats:
    """(count + 1,): of the kernels, oldest first, and of the one that is as wide as the space; they sum to 1."""
    ramp = np.linspace(1 / max(count, 1), 1, num=max(count - FLAT, 0))
    weights = np.concatenate((ramp, np.ones(min(count, FLAT)), [1.0]))
    return np.asarray(weights / weights.sum())
