"""Planning: what a submission and a proposal cost."""

import random
from collections.abc import Iterator

import optuna

from models.cost import cost
from search import catalogue
from search.parts import Space, Target
from search.results import RunRecord, TrialRecord
from search.spec import SearchSpec
from search.study import distributions, propose
from tests.benchmarks.figures import Figure, Plan, interleaved

# peers.md's yardstick: B0, alpha to 2, beta and gamma to 1.5, every resolution: 99,666 networks
B0 = SearchSpec(
    dataset="digits",
    baseline="efficientnet-b0",
    target=Target(ratio=2.0, tolerance=0.02),
    space=Space(resolution_multiple=1),
)
WIDE = B0.model_copy(update={"target": Target(ratio=2.0, tolerance=0.5)})  # more than 10,000 feasible networks
SAMPLE = 2000  # networks that are counted one by one, to be scaled up


def figures(plan: Plan) -> Iterator[Figure]:
    """Catalogue, then proposals after more and more trials."""
    yield _catalogue()
    for finished in (100, 1000, 10_000):
        yield _ask(finished)


def _catalogue() -> Figure:
    candidates = catalogue.of(WIDE).feasible
    chosen = random.Random(0).sample(candidates, SAMPLE)
    distinct = catalogue.of(B0).distinct

    def ours() -> object:
        return catalogue.build(B0, B0.data.classes)

    def one_by_one() -> object:
        return [cost(catalogue.architecture(B0, candidate)) for candidate in chosen]

    mine, theirs = interleaved(ours, one_by_one)
    scaled = [value * distinct / SAMPLE for value in theirs]
    name = f"catalogue of EfficientNet-B0: {distinct:,} networks, {len(catalogue.of(B0).feasible):,} feasible"
    return Figure(name, "s", mine, f"each network counted by itself ({SAMPLE:,} of them, scaled up)", scaled)


def _ask(finished: int) -> Figure:
    networks = catalogue.of(WIDE)
    order = random.Random(1).sample(range(len(networks.feasible)), finished)
    trials = [_finished(networks, number, position) for number, position in enumerate(order)]
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    space = distributions(WIDE)
    for trial in trials:
        values = {name: random.Random(trial.number).uniform(axis.low, axis.high) for name, axis in space.items()}
        study.add_trial(
            optuna.trial.create_trial(params=values, distributions=dict(space), value=trial.runs[0].accuracy)
        )

    def ours() -> object:
        return propose(WIDE, networks, trials, finished)

    def plain() -> object:
        return study.ask(dict(space))

    mine, theirs = interleaved(ours, plain)
    least = 30 if finished == 10_000 else None
    return Figure(
        f"a proposal after {finished:,} trials, the study rebuilt from its records",
        "ms",
        [value * 1e3 for value in mine],
        "Optuna's TPE alone, study kept in memory, repeats allowed",
        [value * 1e3 for value in theirs],
        least=least,
    )


def _finished(networks: catalogue.Catalogue, number: int, position: int) -> TrialRecord:
    candidate = networks.feasible[position]
    accuracy = random.Random(number).uniform(0.5, 1.0)
    run = RunRecord(seed=0, role="search", state="completed", accuracy=accuracy, epochs=8)
    return TrialRecord(number, "completed", candidate.identity, candidate.coefficients, False, False, (run,))
