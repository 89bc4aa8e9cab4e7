"""Trainings that are looked up instead of done, and what they would have cost."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from models.scaling.coefficients import Coefficients
from search.space.catalogue import Identity, relative, shape_profile
from tests.benchmarks.table import Table

GOOD_ENOUGH = 0.005  # of accuracy below the best network's mean: half a point


class Spent(NamedTuple):
    """Trainings begun, epochs trained, and compute in trainings to the end of a network of mean cost."""

    trainings: int
    epochs: int
    compute: float


class Milestone(NamedTuple):
    """What had been spent when this network was named the best: its place in the table, None for none."""

    spent: Spent
    named: int | None


Trail = Sequence[Milestone]
Fronts = Iterator[tuple[int, Sequence[tuple[int, float]]]]  # (epochs spent, (place, accuracy) of all trained by then)


@dataclass
class Oracle:
    """A table's answers in one simulated search, whose number is `run`.

    Which recorded training a (network, seed) is told from is drawn once for each run: the same question has the same
    answer, as training with a seed has.
    """

    table: Table
    run: int
    trainings: int = 0
    epochs: int = 0
    macs: float = 0.0
    _mean: float = field(init=False)

    def __post_init__(self) -> None:
        feasible = self.table.catalogue.feasible
        self._mean = sum(candidate.cost.macs for candidate in feasible) / len(feasible)

    def curve(self, place: int, seed: int) -> list[float]:
        """The validation accuracies of a training, epoch by epoch; looking is free, see `charge`."""
        curves = self.table.all_curves[place]
        drawn: list[float] = curves[np.random.default_rng([self.run, place, seed]).integers(len(curves))].tolist()
        return drawn

    def charge(self, place: int, epochs: int, *, begun: bool = True) -> None:
        """Note that a training was begun, or went on, for so many epochs."""
        self.trainings += begun
        self.epochs += epochs
        self.macs += epochs * self.table.networks[place].cost.macs

    def trained(self, place: int, seed: int) -> float:
        """The accuracy of a whole training."""
        self.charge(place, self.table.spec.recipe.epochs)
        return self.curve(place, seed)[-1]

    @property
    def spent(self) -> Spent:
        """So far."""
        return Spent(self.trainings, self.epochs, self.macs / self._mean / self.table.spec.recipe.epochs)

    def identity(self, at: Coefficients) -> Identity:
        """The network that these coefficients give at the spec's phi, with its resolution on the space's raster."""
        spec, scaled = self.table.spec, at.multipliers(self.table.spec.phi)
        network, multiple = spec.network, spec.space.resolution_multiple
        pixels = math.floor(scaled.resolution * network.resolution / multiple + 0.5) * multiple
        depths = network.depths_at(scaled.depth, spec.space.depth_rounding)
        return depths, network.widths_at(scaled.width), pixels

    def place(self, at: Coefficients) -> int:
        """The network that these coefficients give, which the table has where the cost or the product is right."""
        return self.table.places[self.identity(at)]

    def excess(self, at: Coefficients) -> float:
        """How far outside of what the target accepts the cost of these coefficients' network is; 0 inside."""
        spec, (depths, widths, pixels) = self.table.spec, self.identity(at)
        found = shape_profile(spec.network, depths, widths, spec.data.classes).cost_at(pixels)
        return self._off(relative(spec, at, found, self.table.catalogue.baseline_cost))

    def nominal_excess(self, at: Coefficients) -> float:
        """The same of the product of the coefficients, which is what the paper constrains."""
        return self._off(float(at.product**self.table.spec.phi))

    def _off(self, ratio: float) -> float:
        spec = self.table.spec
        return max(0.0, abs(ratio / spec.ratio - 1) - spec.target.tolerance)


def good(table: Table) -> frozenset[int]:
    """The places of networks within half a point of the best, by their mean over all recorded seeds."""
    best = table.truth.max()
    return frozenset(int(place) for place, value in enumerate(table.truth) if value >= best - GOOD_ENOUGH)
