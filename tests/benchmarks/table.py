"""A table of trainings: every network of a small catalogue, really trained with several seeds, epoch by epoch.

So are the networks that miss the target's real cost and meet it by the nominal product of their coefficients: those who
search on the product train them, too.

A text file: lines that begin with # are its head, the last of them a JSON object with the spec, the images of each
split and what it was made on; then CSV, a line a training. Validation results are whole numbers of images.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.scaling.coefficients import Coefficients
from search.space import catalogue
from search.space.catalogue import Candidate, Catalogue, Identity
from search.space.lattice import AXES
from search.spec.spec import SearchSpec

SHAPES = Path(__file__).parent / "recorded" / "shapes.csv"
COLUMNS = ("depths", "widths", "resolution", "seed", "correct", "train_accuracy", "seconds", "compile_seconds")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One training. `curve` is the validation accuracy after each epoch; seconds leave compiling out."""

    identity: Identity
    seed: int
    curve: tuple[float, ...]
    train_accuracy: float
    seconds: float
    compile_seconds: float


@dataclass(frozen=True)
class Table:
    """What was recorded, by seed. Only seeds count that all networks of the catalogue were trained with."""

    head: Mapping[str, Any]
    trainings: tuple[Recorded, ...]

    @cached_property
    def spec(self) -> SearchSpec:
        """The search whose catalogue this is."""
        return SearchSpec.model_validate(self.head["spec"])

    @cached_property
    def catalogue(self) -> Catalogue:
        """The networks, in its order."""
        return catalogue.of(self.spec)

    @cached_property
    def networks(self) -> tuple[Candidate, ...]:
        """Those of the catalogue, then those that only the product lets through; a place is one in these."""
        others = (other for other in by_product(self.spec) if self.catalogue.position(other.identity) is None)
        return (*self.catalogue.feasible, *others)

    @cached_property
    def places(self) -> dict[Identity, int]:
        """Where each of `networks` stands."""
        return {network.identity: place for place, network in enumerate(self.networks)}

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Those that are complete."""
        found: dict[int, set[Identity]] = defaultdict(set)
        for training in self.trainings:
            found[training.seed].add(training.identity)
        whole = set(self.catalogue.positions)
        return tuple(sorted(seed for seed, networks in found.items() if networks >= whole))

    @cached_property
    def curves(self) -> NDArray[np.float64]:
        """(feasible networks, seeds, epochs): validation accuracies, in the catalogue's order."""
        return self.all_curves[: len(self.catalogue.feasible)]

    @cached_property
    def all_curves(self) -> NDArray[np.float64]:
        """(networks, seeds, epochs): of those outside of the catalogue, too; not a number where there is none."""
        curves = np.full((len(self.networks), len(self.seeds), self.spec.recipe.epochs), np.nan)
        seeds = {seed: at for at, seed in enumerate(self.seeds)}
        for training in self.trainings:
            if training.seed in seeds:
                curves[self.places[training.identity], seeds[training.seed]] = training.curve
        return curves

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """(networks,): the mean over seeds of the accuracy after the last epoch."""
        mean: NDArray[np.float64] = self.curves[:, :, -1].mean(axis=1)
        return mean

    @cached_property
    def spreads(self) -> tuple[float, float]:
        """Standard deviations of the accuracy after the last epoch: of networks' means, and of one network's seeds."""
        last = self.curves[:, :, -1]
        within = float(last.var(axis=1, ddof=1).mean()) if last.shape[1] > 1 else 0.0
        between = max(0.0, float(self.truth.var(ddof=1)) - within / last.shape[1])
        return between**0.5, within**0.5


def by_product(spec: SearchSpec) -> Iterator[Candidate]:
    """Every network that some coefficients of the space give whose product meets the target, whatever it costs.

    A resolution stands for all that are rounded to it, `Oracle.identity` says how.
    """
    widest = spec.target.model_copy(update={"metric": "product", "tolerance": 1.0})
    half, off = spec.space.resolution_multiple / 2, spec.ratio * spec.target.tolerance
    for candidate in catalogue.of(spec.model_copy(update={"target": widest})).feasible:
        ends = catalogue.intervals(spec, candidate)
        ends["gamma"] = tuple(
            ((candidate.resolution + side) / spec.network.resolution) ** (1 / spec.phi) for side in (-half, half)
        )
        low, high = (
            Coefficients(*(bound(ends[name][side], getattr(spec.space, name)[side]) for name in AXES)).product
            ** spec.phi
            for side, bound in enumerate((max, min))
        )
        if low <= spec.ratio + off and high >= spec.ratio - off:
            yield candidate


def read(path: Path = SHAPES) -> Table:
    """The table of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = json.loads([line for line in lines if line.startswith("#")][-1].lstrip("# "))
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return Table(head, tuple(_recorded(rows, head["images"][1])))


@cache
def recorded() -> Table:
    """That of `SHAPES`, read once in each process."""
    return read()


def _recorded(rows: Iterable[Mapping[str, str]], validation: int) -> Iterator[Recorded]:
    for row in rows:
        if None in row.values():  # a line that was being written when the recording was killed
            continue
        identity = _numbers(row["depths"]), _numbers(row["widths"]), int(row["resolution"])
        curve = tuple(correct / validation for correct in _numbers(row["correct"]))
        measured = (float(row[name]) for name in COLUMNS[5:])
        yield Recorded(identity, int(row["seed"]), curve, *measured)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))
