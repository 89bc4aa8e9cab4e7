"""Searches as scripts do them, on a table: they propose coefficients, and name what gave the highest single value.

What they may not train is told to the sampler as infeasible, with how far it is off, and costs nothing. Most are given
the real cost of the network for that, which is known before training; `*_on_product` take what the paper writes down,
alpha beta^2 gamma^2, and train networks of any cost. Nobody remembers which network coefficients lead to, so one may be
trained again.

Alpha comes in steps of 0.05: drawn without, it is never exactly 1, and with depths rounded up the baseline's own
depths, which alpha = 1 alone gives, would be out of reach. Beta and gamma are drawn without, so that
all networks can be drawn. They end after `TRAINED` trainings, several times the catalogue, or `ASKED` proposals. The
grid, which has an end, is trained again with other seeds, `PASSES` times, and names the highest mean.

`followed` makes of each also one that trusts no single value: it ends with our finals, on the networks that it holds
for the best by the mean of what it saw of each. Those whose real cost misses the target are left out there.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

import numpy as np
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from models.scaling.coefficients import Coefficients
from tests.benchmarks import ours_on_table
from tests.benchmarks.oracle import Fronts, Milestone, Oracle, Trail

TRAINED, ASKED = 520, 9000  # a recorded catalogue has fewer than 100 networks, and one random proposal in 12 meets it
PASSES = 8  # of the grid: on the recorded table 8 times what ours takes
GRID_STEP = 0.05  # of each coefficient: the paper says "a small grid search"; its coefficients are multiples of this
STEPS = {"alpha": GRID_STEP}
AXES = ("alpha", "beta", "gamma")
POPULATION = 20  # of NSGA-II: with Optuna's default of 50, three generations are all that is trained
LENGTHS = (32, 64, 128, 192, 256, 384, 520)  # trainings before the finals: budgets that a search may be given
Seen = dict[int, list[float]]  # by network, the accuracies of its trainings to the end
Search = Callable[[Oracle], Iterator[Seen]]  # after each training, or pass, all that was seen by then
Excess = Callable[[Oracle, Coefficients], float]  # how far coefficients are off what may be trained; 0 when they may
Judge = Callable[[Sequence[float]], float]  # of the values of one network, what it is named for


class Rival(NamedTuple):
    """A search, what it goes by when it names a network, and how many times what ours takes it should take.

    One `on_product` may name a network of another cost than the target's.
    """

    search: Search
    judge: Judge = max
    goal: float | None = None
    on_product: bool = False


optuna.logging.set_verbosity(optuna.logging.ERROR)


def tpe(oracle: Oracle) -> Iterator[Seen]:
    """TPE that is told of the constraint on the real cost."""
    return _study(oracle, TPESampler(seed=oracle.run))


def tpe_on_product(oracle: Oracle) -> Iterator[Seen]:
    """TPE that is told of the constraint on the product: what its networks cost is as it comes."""
    return _study(oracle, TPESampler(seed=oracle.run), Oracle.nominal_excess)


def nsga2(oracle: Oracle) -> Iterator[Seen]:
    """NSGA-II that is told of the constraint."""
    return _study(oracle, NSGAIISampler(seed=oracle.run, population_size=POPULATION))


def random(oracle: Oracle) -> Iterator[Seen]:
    """Uniform."""
    return _uniform(oracle, NopPruner())


def hyperband(oracle: Oracle) -> Iterator[Seen]:
    """Uniform, with Hyperband's brackets (Li et al. 2018)."""
    pruner, epochs = oracle.table.spec.pruner, oracle.table.spec.recipe.epochs
    return _uniform(oracle, HyperbandPruner(pruner.min_epochs, epochs, pruner.reduction_factor))


def grid(oracle: Oracle) -> Iterator[Seen]:
    """The paper's (arXiv 1905.11946, 3.3), on the real cost: every point that the target allows, once in each pass."""
    return _passes(oracle, Oracle.excess)


def grid_on_product(oracle: Oracle) -> Iterator[Seen]:
    """The paper's, on the product, as it stands there."""
    return _passes(oracle, Oracle.nominal_excess)


def _passes(oracle: Oracle, excess: Excess) -> Iterator[Seen]:
    points = [at for at in itertools.starmap(Coefficients, _grid(oracle)) if not excess(oracle, at)]
    seen: dict[int, list[float]] = defaultdict(list)
    for _ in range(PASSES):
        for at in points:
            place = oracle.place(at)
            seen[place].append(oracle.trained(place, oracle.trainings))
        yield seen


def followed(rival: Rival, finalists: Mapping[str, int], oracle: Oracle) -> tuple[Trail, Trail]:
    """What a search names: as scripts do it, after each training; and after our finals.

    Each of `LENGTHS` is then a search of its own that ends with finals, and so is the whole.
    """
    scripts, ours = ([Milestone(oracle.spent, None)] for _ in range(2))
    due: list[float] = list(LENGTHS)
    shown, held = Seen(), 0
    for shown in rival.search(oracle):
        named = max(shown, key=lambda place: rival.judge(shown[place])) if shown else None
        scripts.append(Milestone(oracle.spent, named))
        if shown and oracle.trainings >= due[0]:
            due, held = [*(length for length in due if length > oracle.trainings), math.inf], oracle.trainings
            ours.append(_after_finals(finalists, shown, oracle))
    if held != oracle.trainings:
        ours.append(_after_finals(finalists, shown, oracle))
    return scripts, ours


def _after_finals(finalists: Mapping[str, int], seen: Seen, oracle: Oracle) -> Milestone:
    """What would be named if the search ended here; the oracle goes on as if it did not."""
    right = (place for place in seen if place < len(oracle.table.catalogue.feasible))
    order = sorted(right, key=lambda place: (-fmean(seen[place]), place))[: finalists["count"]]
    return ours_on_table.finals(replace(oracle), order, finalists) if order else Milestone(oracle.spent, None)


def _grid(oracle: Oracle) -> Iterator[tuple[float, ...]]:
    return itertools.product(*(_steps(*getattr(oracle.table.spec.space, name)) for name in AXES))


def _steps(low: float, high: float) -> list[float]:
    return [round(low + step * GRID_STEP, 6) for step in range(round((high - low) / GRID_STEP) + 1)]


def _study(oracle: Oracle, sampler: BaseSampler, excess: Excess = Oracle.excess) -> Iterator[Seen]:
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=NopPruner())
    seen: dict[int, list[float]] = defaultdict(list)
    for trial, place in _asked(oracle, study, 0.0, excess):
        value = oracle.trained(place, oracle.trainings)
        study.tell(trial, value)
        seen[place].append(value)
        yield seen


def _asked(
    oracle: Oracle, study: optuna.Study, refused: float | Sequence[float], excess: Excess = Oracle.excess
) -> Iterator[tuple[optuna.Trial, int]]:
    """Trials of a study that may be trained, and their networks; the others are told `refused` and cost nothing."""
    space = oracle.table.spec.space
    for _ in range(ASKED):
        if oracle.trainings >= TRAINED:
            return
        trial = study.ask()
        at = Coefficients(*(trial.suggest_float(name, *getattr(space, name), step=STEPS.get(name)) for name in AXES))
        off = excess(oracle, at)
        trial.set_constraint("cost", off)
        if off:
            study.tell(trial, refused)
        else:
            yield trial, oracle.place(at)


def _uniform(oracle: Oracle, pruner: BasePruner) -> Iterator[Seen]:
    """Draws until the target allows it, and asks the study of those alone: thousands of others would make it slow."""
    chance, space = np.random.default_rng([oracle.run, 1]), oracle.table.spec.space
    study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=oracle.run), pruner=pruner)
    seen: dict[int, list[float]] = defaultdict(list)
    while oracle.trainings < TRAINED:
        alpha = float(chance.choice(_steps(*space.alpha)))
        at = Coefficients(alpha, *(chance.uniform(*axis) for axis in (space.beta, space.gamma)))
        if oracle.excess(at):
            continue
        place = oracle.place(at)
        value = _trained(oracle, study, study.ask(), place)
        if value is not None:
            seen[place].append(value)
        yield seen


def _trained(oracle: Oracle, study: optuna.Study, trial: optuna.Trial, place: int) -> float | None:
    """The accuracy after the last epoch; None when the pruner stopped it before."""
    epoch, value = 0, 0.0
    for epoch, value in enumerate(oracle.curve(place, oracle.trainings), start=1):
        trial.report(value, epoch)
        if trial.should_prune() and epoch < oracle.table.spec.recipe.epochs:
            oracle.charge(place, epoch)
            study.tell(trial, state=TrialState.PRUNED)
            return None
    oracle.charge(place, epoch)
    study.tell(trial, value)
    return value


def nsga2_fronts(oracle: Oracle) -> Fronts:
    """NSGA-II for high accuracy and few parameters: after each training what it has, by the values it saw."""
    feasible = oracle.table.catalogue.feasible
    sampler = NSGAIISampler(seed=oracle.run, population_size=POPULATION)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    seen: list[tuple[int, float]] = []
    for trial, place in _asked(oracle, study, (0.0, math.inf)):
        value = oracle.trained(place, oracle.trainings)
        seen.append((place, value))
        study.tell(trial, (value, feasible[place].cost.params))
        yield oracle.spent.epochs, seen
