"""Planning: what a submission and a proposal cost."""

import random
from collections.abc import Iterator

import numpy as np
import optuna
from optuna.study._multi_objective import _fast_non_domination_rank

from models.scaling.cost import cost
from search.proposals.history import History, build, outcome
from search.proposals.samplers.base import distributions
from search.proposals.study import propose
from search.results.objectives import fronts
from search.results.trial_records import RunRecord, TrialRecord
from search.space import catalogue
from search.spec.parts import Space
from search.spec.spec import SearchSpec
from search.spec.target import Target
from tests.benchmarks.figures import Figure, Plan, interleaved

# peers.md's yardstick: B0, alpha to 2, beta and gamma to 1.5, every resolution: 99,666 networks
B0 = SearchSpec(
    dataset="digits",
    baseline="efficientnet-b0",
    target=Target(ratio=2.0, tolerance=0.02),
    space=Space(resolution_multiple=1),
)
WIDE = B0.model_copy(update={"target": Target(ratio=2.0, tolerance=0.5)})  # more than 10,000 feasible networks
MOST_MS = 5.0  # of a proposal after 10,000 trials: a worker's request waits for it
SAMPLE = 2000  # networks that are counted one by one, to be scaled up


def figures(plan: Plan) -> Iterator[Figure]:
    """Catalogue, then proposals after more and more trials, then the fronts of several objectives."""
    yield _catalogue()
    for finished in (100, 1000, 10_000):
        yield _ask(finished)
    yield _read(10_000)
    yield _fronts()


def _catalogue() -> Figure:
    candidates = catalogue.of(WIDE).feasible
    chosen = random.Random(0).sample(candidates, SAMPLE)
    distinct = catalogue.of(B0).distinct

    def ours() -> object:
        catalogue.shape_profile.cache_clear()
        return catalogue.build(B0, B0.data.classes)

    def one_by_one() -> object:
        return [cost(catalogue.architecture(B0, candidate)) for candidate in chosen]

    mine, theirs = interleaved(ours, one_by_one)
    scaled = [value * distinct / SAMPLE for value in theirs]
    name = f"catalogue of EfficientNet-B0: {distinct:,} networks, {len(catalogue.of(B0).feasible):,} feasible"
    return Figure(name, "s", mine, f"each network counted by itself ({SAMPLE:,} of them, scaled up)", scaled)


def _ask(finished: int) -> Figure:
    networks = catalogue.of(WIDE)
    trials = _trials(networks, finished)
    history = History.of(WIDE, networks, trials)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    space = distributions(WIDE)
    for trial in trials:
        values = {name: random.Random(trial.number).uniform(axis.low, axis.high) for name, axis in space.items()}
        study.add_trial(
            optuna.trial.create_trial(params=values, distributions=dict(space), value=trial.runs[0].accuracy)
        )

    def ours() -> object:
        return propose(WIDE, networks, history, finished)

    def plain() -> object:
        return study.ask(dict(space))

    mine, theirs = interleaved(ours, plain)
    least = 30 if finished == 10_000 else None
    return Figure(
        f"a proposal of TPE after {finished:,} trials",
        "ms",
        [value * 1e3 for value in mine],
        "Optuna's TPE alone, study kept in memory, repeats allowed",
        [value * 1e3 for value in theirs],
        least=least,
        most=MOST_MS if finished == 10_000 else None,
    )


def _read(finished: int) -> Figure:
    networks = catalogue.of(WIDE)
    trials = _trials(networks, finished)
    rows = [outcome(trial) for trial in trials]

    def columns() -> object:
        return build(WIDE, networks, rows)

    def records() -> object:
        return History.of(WIDE, networks, trials)

    mine, theirs = interleaved(columns, records)
    return Figure(
        f"columns of {finished:,} trials, from rows as the service reads them",
        "ms",
        [value * 1e3 for value in mine],
        "from whole records, as a program that holds these has them",
        [value * 1e3 for value in theirs],
    )


def _trials(networks: catalogue.Catalogue, finished: int) -> list[TrialRecord]:
    order = random.Random(1).sample(range(len(networks.feasible)), finished)
    return [_finished(networks, number, position) for number, position in enumerate(order)]


def _fronts() -> Figure:
    chance = random.Random(2)
    points = [(chance.random(), chance.random(), chance.random()) for _ in range(10_000)]
    losses = -np.array(points)

    def ours() -> object:
        return fronts(points)

    def theirs() -> object:
        return _fast_non_domination_rank(losses)

    mine, others = interleaved(ours, theirs)
    name = "non-dominated fronts of 10,000 trials in 3 objectives"
    return Figure(name, "s", mine, "Optuna's own, on an array", others)


def _finished(networks: catalogue.Catalogue, number: int, position: int) -> TrialRecord:
    candidate = networks.feasible[position]
    accuracy = random.Random(number).uniform(0.5, 1.0)
    run = RunRecord(seed=0, role="search", state="completed", accuracy=accuracy, epochs=8)
    return TrialRecord(number, "completed", candidate.identity, candidate.coefficients, False, False, (run,))
