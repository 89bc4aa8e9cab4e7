"""A Gaussian process in a few dimensions, with NumPy alone: Matern 5/2, a length for each axis, noise estimated.

Rasmussen & Williams 2006, chapters 2, 4 and 5. The hyperparameters maximise the marginal likelihood times a weak prior.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from search.proposals.matrices import product
from search.space.lattice import Floats

# Of the logarithms; a length of half the range, and noise of a tenth of the variance, are what a proxy training of a
# few epochs shows. A standard deviation of 1 lets both be 3 times as large or as small at little cost.
PRIOR_LENGTH, PRIOR_NOISE, PRIOR_SPREAD = math.log(0.5), math.log(0.1), 1.0
BOUNDS_LENGTH, BOUNDS_NOISE = (math.log(0.05), math.log(20.0)), (math.log(1e-4), math.log(10.0))
STEPS = (1.0, 0.5, 0.25)  # of the search through the logarithms, each until nothing gets better, at most
SWEEPS = 4  # times
LEAST_GAIN = 1e-6  # of the evidence's logarithm, for a step: less is rounding
MOST_FITTED = 64  # the latest values that four hyperparameters are fitted to: more change them little
BLOCK = 8  # they are fitted anew after so many values: in between they change little, and are remembered
JITTER = 1e-9  # added to the diagonal: equal networks of a warm start make the matrix singular otherwise


class Hyper(NamedTuple):
    """Lengths in units of the ranges, and the variance of the noise relative to that of the function."""

    lengths: tuple[float, ...]
    noise: float


@dataclass(frozen=True, eq=False)
class Process:
    """A process that has seen values at points (n, axes). `scale` is the function's standard deviation."""

    points: Floats
    hyper: Hyper
    mean: float
    scale: float
    weights: Floats

    def expected(self, at: Floats) -> Floats:
        """(m,): the expectation of the function at points (m, axes)."""
        return np.asarray(self.mean + matern(_squares(at, self.points), self.hyper.lengths) @ self.weights)

    def deviation(self, at: Floats, pending: Floats) -> Floats:
        """(m,): the standard deviation of the function, also given measurements at `pending` that are not known yet.

        What will be measured there does not matter: the variance of a Gaussian process depends on places alone.
        """
        seen = np.concatenate((self.points, pending))
        lower = np.linalg.cholesky(_covariance(_squares(seen, seen), self.hyper))
        cross = product(matern(_squares(at, seen), self.hyper.lengths), np.linalg.inv(lower).T)
        return np.asarray(self.scale * np.sqrt(np.maximum(1.0 - (cross**2).sum(axis=1), 0.0)))


def fit(points: Floats, values: Floats) -> Process:
    """The process of the most likely hyperparameters, for at least one value at points (n, axes), oldest first."""
    settled = len(values) // BLOCK * BLOCK or len(values)
    part = slice(max(0, settled - MOST_FITTED), settled)
    hyper = _fitted(points[part].tobytes(), values[part].tobytes(), points.shape[1])
    spread = float(values.std()) or 1.0
    scaled = (values - values.mean()) / spread
    lower, ones, seen = _whitened(_squares(points, points), scaled, hyper)
    mean, rest, scale = _moments(ones, seen)
    weights = np.asarray(np.linalg.solve(lower.T, rest))
    return Process(points, hyper, float(values.mean()) + spread * mean, spread * scale, spread * weights)


def matern(squares: Floats, lengths: tuple[float, ...]) -> Floats:
    """(n, m): the correlation of the function's values, by the squared distances (axes, n, m) along each axis."""
    square = np.zeros(squares.shape[1:])
    for along, length in zip(squares, lengths, strict=True):
        square += along * (5.0 / length**2)
    distance = np.sqrt(square)
    return np.asarray((1.0 + distance + square / 3.0) * np.exp(-distance))


def _squares(first: Floats, second: Floats) -> Floats:
    """(axes, n, m): squared distances along each axis."""
    return np.square(first.T[:, :, None] - second.T[:, None, :])


def _covariance(squares: Floats, hyper: Hyper) -> Floats:
    """(n, n): of measurements, relative to the variance of the function."""
    kernel = matern(squares, hyper.lengths)
    kernel.flat[:: len(kernel) + 1] += hyper.noise + JITTER  # the diagonal
    return kernel


@lru_cache(maxsize=64)
def _fitted(points: bytes, values: bytes, axes: int) -> Hyper:
    numbers = np.frombuffer(values)
    scaled = (numbers - numbers.mean()) / (float(numbers.std()) or 1.0)
    return _most_likely(np.frombuffer(points).reshape(-1, axes), scaled)


def _most_likely(points: Floats, values: Floats) -> Hyper:
    """A search along one logarithm after the other, with smaller and smaller steps: always the same way."""
    axes = points.shape[1]
    at = np.array([PRIOR_LENGTH] * axes + [PRIOR_NOISE])
    prior = at.copy()
    bounds = np.array([BOUNDS_LENGTH] * axes + [BOUNDS_NOISE])
    squares = _squares(points, points)
    best = _evidence(squares, values, at, prior)
    for step in STEPS:
        for _ in range(SWEEPS):
            before = best
            for place in range(len(at)):
                for sign in (1.0, -1.0):
                    other = at.copy()
                    other[place] = np.clip(other[place] + sign * step, *bounds[place])
                    found = _evidence(squares, values, other, prior)
                    if found > best + LEAST_GAIN:
                        at, best = other, found
                        break
            if best == before:
                break
    return _hyper(at)


def _evidence(squares: Floats, values: Floats, logs: Floats, prior: Floats) -> float:
    """The logarithm of the marginal likelihood, mean and variance at their best, plus that of the prior."""
    lower, ones, seen = _whitened(squares, values, _hyper(logs))
    _, _, scale = _moments(ones, seen)
    likelihood = -len(values) * math.log(max(scale, JITTER)) - float(np.log(np.diag(lower)).sum())
    return likelihood - float(np.square((logs - prior) / PRIOR_SPREAD).sum()) / 2


def _whitened(squares: Floats, values: Floats, hyper: Hyper) -> tuple[Floats, Floats, Floats]:
    """The Cholesky factor of the covariance, and its inverse times a vector of ones and times the values.

    Both come out of the same factorisation, as two more rows: NumPy has no solver for triangles.
    """
    count = len(values)
    whole = np.zeros((count + 2, count + 2))
    whole[:count, :count] = _covariance(squares, hyper)
    whole[count, :count], whole[count + 1, :count] = 1.0, values
    bound = 1.0 + count * (1.0 + float(values @ values)) / (hyper.noise + JITTER)  # keeps the whole positive definite
    whole[count, count] = whole[count + 1, count + 1] = 4.0 * bound
    lower = np.asarray(np.linalg.cholesky(whole))  # of the lower triangle
    return lower[:count, :count], lower[count, :count], lower[count + 1, :count]


def _moments(ones: Floats, seen: Floats) -> tuple[float, Floats, float]:
    """The most likely mean, what is left of the whitened values without it, and the function's standard deviation."""
    mean = float(ones @ seen / (ones @ ones))
    rest = seen - mean * ones
    return mean, rest, math.sqrt(float(rest @ rest) / len(rest))


def _hyper(logs: Floats) -> Hyper:
    *lengths, noise = np.exp(logs).tolist()
    return Hyper(tuple(lengths), noise)
