"""Races by the thousand, on made-up accuracies: `results.racing.race` written once more, for whole arrays at a time.

`test_racing` holds the two against each other; what is measured here then holds of the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from search.results.racing import shares

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """Of each race: who was still in, the winner's place, and how many seeds each finalist was trained on."""

    inside: NDArray[np.bool_]  # (races, finalists)
    winner: NDArray[np.int64]  # (races,)
    used: NDArray[np.int64]  # (races, finalists)


def noisy(
    means: list[float], noise: float | list[float], shared: float, seeds: int, races: int, seed: int = 0
) -> Floats:
    """(races, finalists, seeds): means plus what a seed does to one network, plus what it does to all of them.

    `noise` is the standard deviation, of all networks or of each.
    """
    chance = np.random.RandomState(seed)
    own = np.reshape(noise, (-1, 1)) * chance.standard_normal((races, len(means), seeds))
    return np.array(means)[None, :, None] + own + shared * chance.standard_normal((races, 1, seeds))


def raced(values: Floats, first: int) -> Outcome:
    """The races of (races, finalists, seeds) accuracies that begin with that many seeds."""
    races, finalists, last = values.shape
    inside = np.ones((races, finalists), np.bool_)
    used = np.full((races, finalists), first)
    over = np.zeros(races, np.bool_)
    means = values[:, :, :first].mean(axis=2)
    for count, share in shares(first, last).items():
        used[inside & ~over[:, None]] = count
        means = np.where(over[:, None], means, values[:, :, :count].mean(axis=2))
        gone = _told_apart(values[:, :, :count], inside, 0.05 * share)
        inside &= ~gone | over[:, None]
        over |= inside.sum(axis=1) < 2
    return Outcome(inside, np.where(inside, means, -1).argmax(axis=1), used)


def _told_apart(values: Floats, inside: NDArray[np.bool_], level: float) -> NDArray[np.bool_]:
    races, finalists, count = values.shape
    best = np.where(inside, values.mean(axis=2), -1).argmax(axis=1)
    ours = np.arange(races)
    differences = values[ours, best][:, None] - values
    errors = differences.std(axis=2, ddof=1) / np.sqrt(count)
    t = np.divide(differences.mean(axis=2), errors, out=np.zeros((races, finalists)), where=errors > 0)
    p = np.where(inside, 2 * stdtr(count - 1, -np.abs(t)), 2.0)
    p[ours, best] = 2.0
    order = p.argsort(axis=1)
    left = (inside.sum(axis=1) - 1)[:, None] - np.arange(finalists)
    passed = np.logical_and.accumulate(np.take_along_axis(p, order, 1) <= level / np.maximum(left, 1), axis=1)
    gone = np.zeros_like(inside)
    np.put_along_axis(gone, order, passed & (left > 0), axis=1)
    return gone


def winners_hold(values: Floats, outcome: Outcome, means: list[float]) -> float:
    """How often the winner's interval covers the winner's true mean."""
    races, _, last = values.shape
    ours = np.arange(races)
    count = outcome.used[ours, outcome.winner]
    seen = np.arange(last)[None] < count[:, None]
    own = values[ours, outcome.winner]
    mean = (own * seen).sum(axis=1) / count
    error = np.sqrt((((own - mean[:, None]) ** 2) * seen).sum(axis=1) / (count - 1) / count)
    tail = np.minimum(0.025, 0.05 / outcome.inside.sum(axis=1))  # chosen among those that it was not told from
    half = stdtrit(count - 1, 1 - tail) * error
    return float((np.abs(mean - np.array(means)[outcome.winner]) <= half).mean())
