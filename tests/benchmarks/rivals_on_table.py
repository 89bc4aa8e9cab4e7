"""Searches as scripts do them, on a table: they propose coefficients, and name what gave the highest single value.

A proposal that costs something else than the target says is told to the sampler as infeasible, with how far it is off,
and is not trained: that is known before. Nobody remembers which network coefficients lead to, so one may be trained
again.

Alpha comes in steps of 0.05: drawn without, it is never exactly 1, and with depths rounded up the baseline's own
depths, which alpha = 1 alone gives, would be out of reach. Beta and gamma are drawn without, so that
all networks can be drawn. They end after `TRAINED` trainings, several times the catalogue, or `ASKED` proposals.

`followed` makes of each also one that trusts no single value: it ends with our finals, on the networks that it holds
for the best by the mean of what it saw of each.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from models.scaling import Coefficients
from tests.benchmarks import ours_on_table
from tests.benchmarks.oracle import Fronts, Milestone, Oracle, Trail

TRAINED, ASKED = 250, 3000  # a recorded catalogue has fewer than 100 networks, and one random proposal in 12 meets it
GRID_STEP = 0.05  # of each coefficient: the paper says "a small grid search"; its coefficients are multiples of this
STEPS = {"alpha": GRID_STEP}
AXES = ("alpha", "beta", "gamma")
POPULATION = 20  # of NSGA-II: with Optuna's default of 50, three generations are all that is trained
LENGTHS = (32, 64, 128, 192, 250)  # trainings before the finals: each is a budget that a search may be given
Rival = Callable[[Oracle], Trail]
Seen = dict[int, list[float]]  # by network, the accuracies of its trainings to the end
Search = Callable[[Oracle], Iterator[Seen]]  # after each training all that was seen by then

optuna.logging.set_verbosity(optuna.logging.ERROR)


def tpe(oracle: Oracle) -> Iterator[Seen]:
    """TPE that is told of the constraint."""
    return _study(oracle, TPESampler(seed=oracle.run))


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
    """The paper's: every point of the grid that the target allows, once; named at the end (arXiv 1905.11946, 3.3)."""
    seen: dict[int, list[float]] = defaultdict(list)
    for at in _grid(oracle):
        place = oracle.place(Coefficients(*at))
        if place is not None:
            seen[place].append(oracle.trained(place, oracle.trainings))
    yield seen


def followed(search: Search, finalists: Mapping[str, int], oracle: Oracle) -> tuple[Trail, Trail]:
    """What a search names: as scripts do it, the highest single value after each training; and after our finals.

    Each of `LENGTHS` is then a search of its own that ends with finals, and so is the whole.
    """
    scripts, ours = ([Milestone(oracle.spent, None)] for _ in range(2))
    due, shown, held = list(LENGTHS), Seen(), 0
    for shown in search(oracle):
        named = max(shown, key=lambda place: max(shown[place])) if shown else None
        scripts.append(Milestone(oracle.spent, named))
        if shown and oracle.trainings >= due[0]:
            due, held = [*(length for length in due if length > oracle.trainings), TRAINED + 1], oracle.trainings
            ours.append(_after_finals(finalists, shown, oracle))
    if held != oracle.trainings:
        ours.append(_after_finals(finalists, shown, oracle))
    return scripts, ours


def _after_finals(finalists: Mapping[str, int], seen: Seen, oracle: Oracle) -> Milestone:
    """What would be named if the search ended here; the oracle goes on as if it did not."""
    order = sorted(seen, key=lambda place: (-fmean(seen[place]), place))
    return ours_on_table.finals(replace(oracle), order[: finalists["count"]], finalists)


def _grid(oracle: Oracle) -> Iterator[tuple[float, ...]]:
    return itertools.product(*(_steps(*getattr(oracle.table.spec.space, name)) for name in AXES))


def _steps(low: float, high: float) -> list[float]:
    return [round(low + step * GRID_STEP, 6) for step in range(round((high - low) / GRID_STEP) + 1)]


def _study(oracle: Oracle, sampler: BaseSampler) -> Iterator[Seen]:
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=NopPruner())
    seen: dict[int, list[float]] = defaultdict(list)
    for trial, place in _asked(oracle, study, 0.0):
        value = oracle.trained(place, oracle.trainings)
        study.tell(trial, value)
        seen[place].append(value)
        yield seen


def _asked(oracle: Oracle, study: optuna.Study, refused: float | Sequence[float]) -> Iterator[tuple[optuna.Trial, int]]:
    """Trials of a study that meet the target, and their networks; the others are told `refused` and cost nothing."""
    space = oracle.table.spec.space
    for _ in range(ASKED):
        if oracle.trainings >= TRAINED:
            return
        trial = study.ask()
        at = Coefficients(*(trial.suggest_float(name, *getattr(space, name), step=STEPS.get(name)) for name in AXES))
        trial.set_constraint("cost", oracle.excess(at))
        place = oracle.place(at)
        if place is None:
            study.tell(trial, refused)
        else:
            yield trial, place


def _uniform(oracle: Oracle, pruner: BasePruner) -> Iterator[Seen]:
    """Draws until the target allows it, and asks the study of those alone: thousands of others would make it slow."""
    chance, space = np.random.default_rng([oracle.run, 1]), oracle.table.spec.space
    study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=oracle.run), pruner=pruner)
    seen: dict[int, list[float]] = defaultdict(list)
    while oracle.trainings < TRAINED:
        alpha = float(chance.choice(_steps(*space.alpha)))
        place = oracle.place(Coefficients(alpha, *(chance.uniform(*axis) for axis in (space.beta, space.gamma))))
        if place is None:
            continue
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
