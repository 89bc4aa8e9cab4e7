"""Searches as scripts do them, on a table: they propose coefficients, and name what gave the highest single value.

A proposal that costs something else than the target says is told to the sampler as infeasible, with how far it is off,
and is not trained: that is known before. Nobody remembers which network coefficients lead to, so one may be trained
again.

Alpha comes in steps of 0.05: drawn without, it is never exactly 1, and with depths rounded up the baseline's own
depths, which alpha = 1 alone gives, would be out of reach. Beta and gamma are drawn without, so that
all networks can be drawn. They end after `TRAINED` trainings, several times the catalogue, or `ASKED` proposals.
"""

import itertools
import math
from collections.abc import Callable, Iterator

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from models.scaling import Coefficients
from tests.benchmarks.oracle import Fronts, Milestone, Oracle, Trail

TRAINED, ASKED = 250, 3000  # a recorded catalogue has fewer than 100 networks, and one random proposal in 12 meets it
GRID_STEP = 0.05  # of each coefficient: the paper says "a small grid search"; its coefficients are multiples of this
STEPS = {"alpha": GRID_STEP}
AXES = ("alpha", "beta", "gamma")
POPULATION = 20  # of NSGA-II: with Optuna's default of 50, three generations are all that is trained
Rival = Callable[[Oracle], Trail]

optuna.logging.set_verbosity(optuna.logging.ERROR)


def tpe(oracle: Oracle) -> Trail:
    """TPE that is told of the constraint."""
    return _study(oracle, lambda seed: TPESampler(seed=seed), NopPruner())


def nsga2(oracle: Oracle) -> Trail:
    """NSGA-II that is told of the constraint."""
    return _study(oracle, lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION), NopPruner())


def random(oracle: Oracle) -> Trail:
    """Uniform."""
    return _study(oracle, lambda seed: RandomSampler(seed=seed), NopPruner())


def hyperband(oracle: Oracle) -> Trail:
    """Uniform, with Hyperband's brackets (Li et al. 2018)."""
    pruner = oracle.table.spec.pruner
    epochs = oracle.table.spec.recipe.epochs
    brackets = HyperbandPruner(pruner.min_epochs, epochs, pruner.reduction_factor)
    return _study(oracle, lambda seed: RandomSampler(seed=seed), brackets)


def grid(oracle: Oracle) -> Trail:
    """The paper's: every point of the grid that the target allows, once; named at the end (arXiv 1905.11946, 3.3)."""
    best, named = -math.inf, None
    for at in _grid(oracle):
        place = oracle.place(Coefficients(*at))
        if place is None:
            continue
        value = oracle.trained(place, oracle.trainings)
        if value > best:
            best, named = value, place
    return [Milestone(oracle.spent, named)]


def _grid(oracle: Oracle) -> Iterator[tuple[float, ...]]:
    axes = []
    for name in AXES:
        low, high = getattr(oracle.table.spec.space, name)
        axes.append([round(low + step * GRID_STEP, 6) for step in range(round((high - low) / GRID_STEP) + 1)])
    return itertools.product(*axes)


def _study(oracle: Oracle, sampler: Callable[[int], BaseSampler], pruner: BasePruner) -> Trail:
    space = oracle.table.spec.space
    study = optuna.create_study(direction="maximize", sampler=sampler(oracle.run), pruner=pruner)
    best, named, trail = -math.inf, None, [Milestone(oracle.spent, None)]
    for _ in range(ASKED):
        if oracle.trainings >= TRAINED:
            break
        trial = study.ask()
        at = Coefficients(*(trial.suggest_float(name, *getattr(space, name), step=STEPS.get(name)) for name in AXES))
        trial.set_constraint("cost", oracle.excess(at))
        place = oracle.place(at)
        if place is None:
            study.tell(trial, 0.0)
            continue
        value = _trained(oracle, study, trial, place)
        if value is not None and value > best:
            best, named = value, place
        trail.append(Milestone(oracle.spent, named))
    return trail


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
    space, feasible = oracle.table.spec.space, oracle.table.catalogue.feasible
    sampler = NSGAIISampler(seed=oracle.run, population_size=POPULATION)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    seen: list[tuple[int, float]] = []
    for _ in range(ASKED):
        if oracle.trainings >= TRAINED:
            return
        trial = study.ask()
        at = Coefficients(*(trial.suggest_float(name, *getattr(space, name), step=STEPS.get(name)) for name in AXES))
        trial.set_constraint("cost", oracle.excess(at))
        place = oracle.place(at)
        if place is None:
            study.tell(trial, (0.0, math.inf))
            continue
        value = oracle.trained(place, oracle.trainings)
        seen.append((place, value))
        study.tell(trial, (value, feasible[place].cost.params))
        yield oracle.spent.epochs, seen
