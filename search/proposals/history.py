"""What the trials of a search have come to, as columns; and what of it the proposal of one trial may look at."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from search.proposals import warm_start
from search.results.trial_records import FINISHED, TrialRecord
from search.space import lattice as lattices
from search.space.catalogue import Catalogue
from search.space.lattice import Floats, Integers, Lattice, Mask, Triple
from search.spec.spec import SearchSpec

# A sampler is given the best observations and the latest of the others. TPE takes at most 25 for good (optuna,
# default_gamma) and gives all but the latest 25 of a group less and less weight: more would hardly change a proposal.
BEST_OBSERVED = 25
MOST_OBSERVED = 256
COUNTED = ("macs", "params", "activations")  # costs that are known of every network before it is trained


class Outcome(NamedTuple):
    """One trial. `accuracy` is that of its search run; of a pruned one that after its last epoch, the `epochs`-th.

    `costs` holds what was measured of it, by the name of an objective.
    """

    number: int
    state: str
    coefficients: Triple
    accuracy: float | None
    epochs: int = 0
    costs: Mapping[str, float] = {}


@dataclass(frozen=True, eq=False)
class Observations:
    """Results, oldest first: where a network lies, its objectives (larger is better), and whether it was pruned.

    `points` (n, 3), `values` (n, objectives), `finished` (n,): False for those pruned after `epochs` (n,).
    """

    points: Floats
    values: Floats
    finished: Mask
    epochs: Integers

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, chosen: Integers | Mask | slice) -> "Observations":
        return Observations(self.points[chosen], self.values[chosen], self.finished[chosen], self.epochs[chosen])

    def __add__(self, later: "Observations") -> "Observations":
        if not len(self):
            return later
        mine, theirs = vars(self).values(), vars(later).values()
        return Observations(*(np.concatenate(pair) for pair in zip(mine, theirs, strict=True)))

    def order(self) -> Integers:
        """Places, best first: finished before pruned, and those by how far they came; then by their objectives."""
        reached = np.where(self.finished, math.inf, self.epochs)
        if self.values.shape[1] == 1:
            return np.lexsort((np.arange(len(self)), -self.values[:, 0], -reached))
        from search.results import objectives  # most searches have one

        groups = [np.flatnonzero(reached == level) for level in np.unique(reached)[::-1]]
        ranks = [group[objectives.ranked([tuple(row) for row in self.values[group].tolist()])] for group in groups]
        return np.concatenate([np.empty(0, dtype=np.int64), *ranks]).astype(np.int64)

    def _first(self, count: int) -> Integers:
        """The first of `order`; of one objective without sorting all."""
        values = np.where(self.finished, self.values[:, 0], -math.inf)
        if self.values.shape[1] > 1 or int(self.finished.sum()) < count:
            return self.order()[:count]
        high = np.flatnonzero(values >= np.partition(values, -count)[-count])
        return high[self[high].order()[:count]]

    def part(self, best: int = BEST_OBSERVED, most: int = MOST_OBSERVED) -> "Observations":
        """At most `most` of them: the `best`, and the latest of the others."""
        if len(self) <= most:
            return self
        chosen = np.zeros(len(self), dtype=np.bool_)
        chosen[self._first(best)] = True
        chosen[np.flatnonzero(~chosen)[best - most :]] = True
        return self[chosen]


@dataclass(frozen=True, eq=False)
class View:
    """What the proposal of trial `number` is made from.

    `free` (networks,) says which may be proposed, `pending` (n, 3) are those whose results do not count yet.
    """

    spec: SearchSpec
    lattice: Lattice
    number: int
    free: Mask
    observations: Observations
    pending: Floats


@dataclass(frozen=True, eq=False)
class History:
    """The trials of a search in number order; a value is NaN where none was measured.

    `positions` are places in the catalogue, -1 for a network that is not in it. `prior` are the results that the spec
    brings along (`warm_start.trials`), `prior_positions` their places.
    """

    spec: SearchSpec
    lattice: Lattice
    numbers: Integers
    positions: Integers
    results: Observations
    prior: Observations
    prior_positions: Integers

    @staticmethod
    def of(spec: SearchSpec, catalogue: Catalogue, records: Iterable[TrialRecord]) -> "History":
        """The columns of these records, which may come in any order."""
        rows = list(records)
        positions = [catalogue.position(row.identity) for row in rows]
        return build(spec, catalogue, [outcome(row) for row in rows], positions)

    def unused(self, number: int) -> Mask:
        """(networks,): those that no trial before this one has."""
        used = self.positions[: np.searchsorted(self.numbers, number)]
        unused = np.ones(len(self.lattice.points), dtype=np.bool_)
        unused[used[used >= 0]] = False
        return unused

    def before(self, number: int) -> View:
        """What the proposal of trial `number` may look at.

        The networks of all earlier trials; and the results of those that are `sampler.window` behind or more, so that
        it makes no difference how many trials are trained at the same time, and in which order they end.
        """
        earlier = int(np.searchsorted(self.numbers, number))
        last = number - self.spec.window
        settled = min(earlier, int(np.searchsorted(self.numbers, last, side="right")))
        free = self.unused(number)
        free[self.prior_positions] = False
        tells = ~np.isnan(self.results.values[:settled]).any(axis=1) & (self.positions[:settled] >= 0)
        pending = self.positions[settled:earlier]
        return View(
            spec=self.spec,
            lattice=self.lattice,
            number=number,
            free=free,
            observations=self.prior + self.results[slice(settled) if tells.all() else np.flatnonzero(tells)],
            pending=self.lattice.points[pending[pending >= 0]],
        )


def outcome(record: TrialRecord) -> Outcome:
    """What a sampler observes of a trial: no accuracy where it failed or still runs."""
    run, accuracy = record.search_run, record.search_accuracy
    if accuracy is None and run is not None:
        accuracy = run.reached
    epochs = 0 if run is None else len(run.history)
    state = "pruned" if record.held else record.state
    return Outcome(record.number, state, lattices.triple(record.coefficients), accuracy, epochs, record.costs)


def build(
    spec: SearchSpec, catalogue: Catalogue, rows: Sequence[Outcome], positions: Sequence[int | None] | None = None
) -> History:
    """The columns of these trials. Networks are found by their coefficients where no `positions` are given."""
    lattice = lattices.of(spec, catalogue)
    if positions is None:
        positions = [lattice.positions.get(row.coefficients) for row in rows]
    rows, positions = _sorted(rows, positions)
    places = np.array([-1 if position is None else position for position in positions], dtype=np.int64)
    results = _observations(spec, catalogue, lattice, rows, places)
    prior, prior_places = _prior(_PriorResults(lattice, _trials(spec), tuple(spec.objectives), spec, catalogue))
    return History(
        spec=spec,
        lattice=lattice,
        numbers=np.array([row.number for row in rows], dtype=np.int64),
        positions=places,
        results=results,
        prior=prior,
        prior_positions=prior_places,
    )


@dataclass(frozen=True, slots=True)
class _PriorResults:
    """The results that a spec brings along, and what decides their columns."""

    lattice: Lattice
    trials: tuple[tuple[Triple, float], ...]
    objectives: tuple[str, ...]
    spec: SearchSpec = field(compare=False)
    catalogue: Catalogue = field(compare=False)


def _trials(spec: SearchSpec) -> tuple[tuple[Triple, float], ...]:
    return tuple(((one.alpha, one.beta, one.gamma), one.accuracy) for one in spec.warm_start.trials)


@lru_cache(maxsize=16)
def _prior(given: _PriorResults) -> tuple[Observations, Integers]:
    """Those within the ranges of the space, and the places of their networks where these are feasible."""
    spec, catalogue, lattice = given.spec, given.catalogue, given.lattice
    rows = [Outcome(at, "completed", *trial) for at, trial in enumerate(given.trials)]
    found = (warm_start.position(spec, catalogue, row.coefficients, lattice.positions) for row in rows)
    places = np.array([-1 if place is None else place for place in found], dtype=np.int64)
    observations = _observations(spec, catalogue, lattice, rows, places)
    inside = np.asarray(((observations.points >= 0) & (observations.points <= 1)).all(axis=1), dtype=np.bool_)
    return observations[inside], places[places >= 0]


def _sorted(rows: Sequence[Outcome], positions: Sequence[int | None]) -> tuple[Sequence[Outcome], Sequence[int | None]]:
    numbers = [row.number for row in rows]
    if all(a < b for a, b in pairwise(numbers)):
        return rows, positions
    order = sorted(range(len(rows)), key=numbers.__getitem__)
    return [rows[at] for at in order], [positions[at] for at in order]


def _observations(
    spec: SearchSpec, catalogue: Catalogue, lattice: Lattice, rows: Sequence[Outcome], places: Integers
) -> Observations:
    finished = np.array([row.state in FINISHED for row in rows], dtype=np.bool_)
    pruned = np.array([row.state == "pruned" for row in rows], dtype=np.bool_)
    values = np.empty((len(rows), len(spec.objectives)))
    accuracies = np.array([math.nan if row.accuracy is None else row.accuracy for row in rows])
    values[:, 0] = np.where(finished | pruned, accuracies, math.nan)
    for column, name in enumerate(spec.objectives[1:], start=1):
        values[:, column] = _negated(catalogue, name, rows, places)
    points = lattice.points[np.maximum(places, 0)]
    outside = np.flatnonzero(places < 0)
    points[outside] = lattice.place([rows[at].coefficients for at in outside.tolist()])
    return Observations(points, values, finished, np.array([row.epochs for row in rows], dtype=np.int64))


def _negated(catalogue: Catalogue, name: str, rows: Sequence[Outcome], places: Integers) -> list[float]:
    """A cost of each trial, so that larger is better: counted where it can be, else measured, else endless."""
    found = []
    for row, place in zip(rows, places.tolist(), strict=True):
        counted = name in COUNTED and place >= 0
        cost = getattr(catalogue.feasible[place].cost, name) if counted else row.costs.get(name, math.inf)
        found.append(-float(cost))
    return found
