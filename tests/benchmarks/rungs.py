"""Whether what a rung sees predicts the end: rank correlation and regret, with published and with settled statistics.

Networks of about twice efficientnet-nano's multiply-adds, spread evenly over those feasible, are trained with the
default recipe, each with both rules of `recipe.bn_statistics`; the weights are the same to the bit, because
BatchNorm's statistics have no part in training. `digits` whole; of `shapes` the first 2,048 training images.

A rung's rank correlation is Kendall's tau-b of the accuracy after its epoch with the accuracy after the last, over the
networks, for each seed. No rung can predict the luck of a seed: tau-b of the last accuracies of two seeds is the limit
for what a rung says of the network itself, and beside it stands the rung of one seed with the end of the other.

Regret is how far the network that a search names is below the best of its networks, in points, by the mean of the last
accuracies over seeds and rules; searches are simulated with these curves, in many orders. The recorded table's curves
are of the published rule alone.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split
from models.data.loading import load
from models.recipe.recipe import TrainingRecipe
from models.training.fit import Training
from search.pruning import brackets, pruning
from search.pruning.pruning import Entrant
from search.results.rank_correlation import tau_b
from search.space import catalogue
from search.spec.spec import SearchSpec
from tests.benchmarks import candidate
from tests.benchmarks.figures import Figure, Plan, Skipped
from tests.benchmarks.table import recorded

RULES: tuple[Literal["settled"], Literal["published"]] = ("settled", "published")
IMAGES: Mapping[str, int | None] = {"digits": None, "shapes": 2048}  # training images, None for all
NETWORKS, SEEDS = 10, (0, 1)
PRUNERS = ("asha", "hyperband", "median", "curve", "none")
SLOWER, ROUNDS, EPOCHS = 1.03, 12, 3  # a training may take 3 % more; so many of each rule, so long
ORDERS = 200  # simulated searches of each pruner and seed
CURVE_ORDERS = 100  # of the one that fits a curve at every epoch

Curves = NDArray[np.float64]  # (networks, seeds, epochs)


@dataclass(frozen=True)
class Trained:
    """What was trained on one data set: curves by rule."""

    name: str
    spec: SearchSpec
    curves: Mapping[str, Curves]

    @property
    def truth(self) -> NDArray[np.float64]:
        """(networks,): the mean of all last accuracies."""
        return np.mean([each[:, :, -1].mean(axis=1) for each in self.curves.values()], axis=0)


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """Time, then correlation and regret, on each data set; then the recorded table."""
    yield _time()
    for name in IMAGES:
        found = trained(name)
        yield from _correlations(found)
        yield from _regrets(found.name, found.spec, found.curves, found.truth)
    table = recorded()
    drawn = table.curves[np.linspace(0, len(table.curves) - 1, 2 * NETWORKS).round().astype(int)]
    yield from _regrets("the recorded table", table.spec, {"published": drawn}, drawn[:, :, -1].mean(axis=1))


def trained(name: str) -> Trained:
    """Every network with every seed, by both rules."""
    spec = SearchSpec.model_validate({"dataset": name, "baseline": "efficientnet-nano"})
    feasible, dataset = catalogue.of(spec).feasible, first(load(name), IMAGES[name])
    chosen = np.linspace(0, len(feasible) - 1, NETWORKS).round().astype(int)
    curves = {rule: np.zeros((NETWORKS, len(SEEDS), spec.recipe.epochs)) for rule in RULES}
    for place, number in enumerate(chosen):
        network = catalogue.architecture(spec, feasible[number])
        for at, seed in enumerate(SEEDS):
            for rule in RULES:
                recipe = TrainingRecipe.model_validate({**spec.recipe.model_dump(), "bn_statistics": rule})
                reports = list(Training(network, recipe, dataset, seed=seed))
                curves[rule][place, at] = [report.validation_accuracy for report in reports]
    return Trained(name, spec, curves)


def first(dataset: Dataset, images: int | None) -> Dataset:
    """With so many training images."""
    if images is None:
        return dataset
    train = Split(dataset.train.images[:images], dataset.train.labels[:images])
    return Dataset(dataset.name, dataset.classes, train, dataset.validation, dataset.test)


def correlations(rungs: Curves, ends: Curves) -> list[list[float]]:
    """Tau-b of each epoch with the end, (epochs, seeds); 0 where all are equal. `ends` are paired with seeds."""
    epochs, seeds = rungs.shape[2], rungs.shape[1]
    return [
        [tau_b(rungs[:, seed, epoch].tolist(), ends[:, seed, -1].tolist()) or 0.0 for seed in range(seeds)]
        for epoch in range(epochs)
    ]


def _time() -> Figure:
    """CPU seconds, because the wall's would be of whoever else uses the machine; both rules in turn."""
    problem = candidate.problem()
    taken: dict[str, list[float]] = {rule: [] for rule in RULES}
    for number in range(-1, ROUNDS):
        for rule in RULES if number % 2 else RULES[::-1]:
            recipe = TrainingRecipe(epochs=EPOCHS, bn_statistics=rule)
            training = Training(problem.network, recipe, problem.dataset, seed=0, clock=time.process_time)
            training.compile()
            seconds = sum(report.seconds for report in training)
            if number >= 0:  # the first one warms up
                taken[rule].append(seconds)
    title = f"a training of {EPOCHS} epochs, {candidate.name()}"
    before, after = taken["published"], taken["settled"]
    return Figure(title, "CPU s", after, "published statistics", before, least=round(1 / SLOWER, 3))


def _correlations(found: Trained) -> Iterator[Figure]:
    own = {rule: correlations(curves, curves) for rule, curves in found.curves.items()}
    other = {rule: correlations(curves, curves[:, ::-1]) for rule, curves in found.curves.items()}
    limit = ", ".join(f"{rule} {other[rule][-1][0]:.2f}" for rule in RULES)
    told = "; ".join(f"{rule}: " + ", ".join(f"{np.mean(seeds):.2f}" for seeds in own[rule][:-1]) for rule in RULES)
    means = "; ".join(
        f"{rule}: " + ", ".join(f"{value:.3f}" for value in curves.mean(axis=(0, 1)))
        for rule, curves in found.curves.items()
    )
    note = (
        f"{found.name}: {NETWORKS} networks, {len(SEEDS)} seeds. Tau-b with the own end after each epoch, mean over "
        f"seeds: {told}. The limit, tau-b of the last accuracies of two seeds: {limit}. Mean accuracy: {means}."
    )
    for epoch in brackets.ladder(found.spec):
        for what, taus in (("the end", own), ("the other seed's end", other)):
            yield Figure(
                f"rank correlation of epoch {epoch} with {what}, {found.name}",
                "tau-b",
                taus["settled"][epoch - 1],
                "published statistics",
                taus["published"][epoch - 1],
                note=note,
                compared=False,
            )


def _regrets(name: str, spec: SearchSpec, curves: Mapping[str, Curves], truth: NDArray[np.float64]) -> Iterator[Figure]:
    """By pruner: regret with settled statistics, or with the published alone, and epochs spent."""
    for pruner in PRUNERS:
        results = {rule: regret(spec, pruner, each, truth) for rule, each in curves.items()}
        spent = ", ".join(f"{rule} {share:.0%}" for rule, (_, share) in results.items())
        (rule, (ours, _)), *others = results.items()
        yield Figure(
            f"regret of {pruner} on {name}" + ("" if others else f", {rule}"),
            "points",
            [ours],
            "published statistics" if others else "",
            [found for _, (found, _) in others],
            note=f"{name}, {pruner}: epochs spent of all: {spent}.",
            compared=False,
        )


def regret(spec: SearchSpec, pruner: str, curves: Curves, truth: NDArray[np.float64]) -> tuple[float, float]:
    """Mean regret in points, and the mean share of all epochs that was trained."""
    networks, seeds, epochs = curves.shape
    changed = {"pruner": {"name": pruner}, "trials": networks, "finalists": {"count": 0}}
    asked = SearchSpec.model_validate({**spec.document(), **changed, "sampler": {"name": "random", "window": 4}})
    orders, missed, spent = (CURVE_ORDERS if pruner == "curve" else ORDERS), [], []
    for seed in range(seeds):
        chance = np.random.default_rng(seed)
        for _ in range(orders):
            order = chance.permutation(networks)
            done = Replay(asked, [curves[number, seed].tolist() for number in order])
            missed.append(100 * (truth.max() - truth[order[done.winner]]))
            spent.append(done.spent / (networks * epochs))
    return float(np.mean(missed)), float(np.mean(spent))


@dataclass
class Replay:
    """One search whose trials' curves are known, in the order of their numbers, one at a time; no finals."""

    spec: SearchSpec
    curves: Sequence[Sequence[float]]
    entrants: dict[int, Entrant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in range(len(self.curves)):
            self._train(number)
            self._settle()

    @property
    def spent(self) -> int:
        """Epochs trained."""
        return sum(entrant.epoch for entrant in self.entrants.values())

    @property
    def winner(self) -> int:
        """The highest last accuracy of those trained to the end, of equal ones the first."""
        ends = {number: entrant.last for number, entrant in self.entrants.items() if entrant.last is not None}
        return max(ends, key=lambda number: (ends[number], -number))

    def _train(self, number: int) -> None:
        """To the rung where it is stopped or waits, or to its end."""
        curve, epoch = self.curves[number], self.entrants[number].epoch if number in self.entrants else 0
        while epoch < len(curve):
            epoch += 1
            over = epoch == len(curve)
            self._note(number, epoch, over=over, last=curve[-1] if over else None)
            if epoch in brackets.rungs(self.spec, number):
                found = pruning.decide(self.spec, len(self.curves), self.entrants, number)
                if found == "stop":
                    self._note(number, epoch, over=True)
                if found != "continue":
                    return

    def _settle(self) -> None:
        """Whoever waited for what has just come goes on, or is stopped."""
        while True:
            waiting = [number for number, entrant in self.entrants.items() if not entrant.over]
            found = pruning.settle(self.spec, len(self.curves), self.entrants, waiting)
            for number, decision in sorted(found.items()):
                if decision == "stop":
                    self._note(number, self.entrants[number].epoch, over=True)
                else:
                    self._train(number)
            if not found:
                return

    def _note(self, number: int, epoch: int, **state: Any) -> None:
        values = dict(enumerate(self.curves[number][:epoch], start=1))
        self.entrants[number] = Entrant(number, state["over"], values, state.get("last"))
