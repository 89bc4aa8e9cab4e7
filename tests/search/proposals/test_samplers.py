"""The contract of all samplers: only feasible networks, none twice, the same ones however trials are trained."""

import dataclasses
import math
import random
from typing import Any, get_args

import numpy as np
import optuna
import pytest

from search.planning.lifecycle import Propose, next_step
from search.proposals import samplers, study
from search.proposals.history import History
from search.proposals.samplers.base import CatalogueSampler
from search.proposals.samplers.fixed import sobol
from search.results.trial_records import TrialRecord
from search.space import catalogue, lattice, paper_grid
from search.space.catalogue import Catalogue, Identity
from search.spec.parts import LEARNING, SamplerName
from search.spec.spec import SearchSpec
from tests.search.records import WIDE, search_run, spec, trial

ALL = get_args(SamplerName)
B0 = {
    "baseline": "efficientnet-b0",
    "target": {"ratio": 2.0, "tolerance": 0.02},
    "space": {"resolution_multiple": 1},
}  # 954 feasible networks
ENDS = ("completed", "completed", "completed", "pruned", "failed", "cached", "infeasible")


def accuracy(identity: Identity, seed: int = 0) -> float:
    """What a training of that network would come to: a smooth surface and noise, the same whenever it is asked."""
    depths, widths, resolution = identity
    noise = random.Random(repr((identity, seed))).gauss(0, 0.005)
    lie = (math.log(sum(depths) / 6), math.log(sum(widths) / 300), math.log(resolution / 40))
    return min(1.0, max(0.0, 0.9 - 0.1 * math.hypot(*lie) + noise))


def ended(number: int, candidate: catalogue.Candidate, seed: int = 0) -> TrialRecord:
    """How trial `number` ends is settled by its number and its network."""
    state = "completed" if number == 0 else ENDS[random.Random(repr((number, seed))).randrange(len(ENDS))]
    value = accuracy(candidate.identity, seed)
    run = search_run("pruned", None, history=(value / 2,)) if state == "pruned" else search_run("completed", value)
    return trial(
        number,
        state,
        candidate=candidate,
        runs=(run if state in ("completed", "cached", "pruned") else search_run(state, None),),
    )


@pytest.mark.parametrize("sampler", ALL)
def test_only_feasible_networks_and_none_twice(sampler: str) -> None:
    """Eight seeds of 100 trials."""
    for seed in range(8):
        search = spec(sampler={"name": sampler, "window": 4}, seed=seed, **B0)
        space = catalogue.of(search)
        records: list[TrialRecord] = []
        for number in range(100):
            candidate = study.propose(search, space, records, number).candidate
            assert abs(candidate.ratio - 2.0) <= 2.0 * 0.02
            assert space.position(candidate.identity) is not None
            records.append(ended(number, candidate, seed))
        assert len({record.identity for record in records}) == 100


def run(search: SearchSpec, chance: random.Random) -> list[Identity]:
    """The networks of a search whose trials end in any order and whose service starts anew all the time."""
    records: list[TrialRecord] = []
    running: dict[int, catalogue.Candidate] = {}
    space = catalogue.of(search)
    while len(records) < search.trials or running:
        step = next_step(search, len(space.feasible), records)
        if isinstance(step, Propose):
            if chance.random() < 0.05:
                space = catalogue.build(search, search.data.classes)
            read = [dataclasses.replace(record) for record in records]
            chance.shuffle(read)
            running[step.number] = study.propose(search, space, read, step.number).candidate
            records.append(trial(step.number, "running", None, candidate=running[step.number]))
        if running and not (isinstance(step, Propose) and chance.random() < 0.7):
            number = chance.choice(list(running))
            records[number] = ended(number, running.pop(number))
    return [record.identity for record in records]


@pytest.mark.parametrize("sampler", ALL)
def test_the_same_networks_at_any_parallelism_in_any_order_and_across_restarts(sampler: str) -> None:
    chosen = {"name": sampler, "startup_trials": 4, "window": 6}
    networks = {}
    for parallelism in (1, 4, 16):
        for order in range(2):
            search = spec(sampler=chosen, trials=30, parallelism=parallelism, finalists={"count": 0}, **WIDE)
            networks[parallelism, order] = run(search, random.Random(f"{parallelism} {order}"))
    first = networks[1, 0]
    assert len(set(first)) == 30
    assert all(found == first for found in networks.values())


@pytest.mark.parametrize("sampler", LEARNING)
def test_results_within_the_window_change_nothing_and_earlier_ones_do(sampler: str) -> None:
    search = spec(sampler={"name": sampler, "startup_trials": 2, "window": 5}, **B0)
    space = catalogue.of(search)
    records = [
        trial(at, accuracy=accuracy(space.feasible[9 * at].identity), candidate=space.feasible[9 * at])
        for at in range(20)
    ]

    def proposals(changed: range) -> list[Identity]:
        observations = [
            dataclasses.replace(r, runs=(search_run("completed", 1 - r.number / 50),)) if r.number in changed else r
            for r in records
        ]
        return [study.propose(search, space, observations, number).candidate.identity for number in range(15, 21)]

    plain = proposals(range(0))
    assert proposals(range(16, 20)) == plain
    assert proposals(range(20)) != plain


@pytest.mark.parametrize("sampler", ALL)
def test_an_ordinary_study_of_optuna_may_use_them(sampler: str) -> None:
    search = spec(sampler={"name": sampler, "startup_trials": 3, "window": 1}, seed=5, **WIDE)
    space = catalogue.of(search)
    sampler_of_optuna = samplers.sampler(search, space)
    asked = optuna.create_study(direction="maximize", sampler=sampler_of_optuna)
    records: list[TrialRecord] = []
    for number in range(12):
        given = asked.ask(dict(sampler_of_optuna.space))
        candidate = space.feasible[sampler_of_optuna.chosen]
        assert tuple(given.params.values()) == lattice.triple(candidate.coefficients)
        if number > 0:  # there, Optuna's study begins with the sampler, ours with the reference
            assert candidate == _chosen(search, space, records, number)
        records.append(trial(number, accuracy=accuracy(candidate.identity), candidate=candidate))
        asked.tell(given, accuracy(candidate.identity))
    assert len({record.identity for record in records}) == 12


def _chosen(search: SearchSpec, space: Catalogue, records: list[TrialRecord], number: int) -> catalogue.Candidate:
    return study.propose(search, space, records, number).candidate


def test_a_sampler_is_asked_for_a_whole_network() -> None:
    search = spec(**WIDE)
    sampler = samplers.sampler(search, catalogue.of(search))
    assert isinstance(sampler, CatalogueSampler)
    with pytest.raises(NotImplementedError, match="alpha, beta, gamma"):
        sampler.sample_independent(None, None, "delta", None)  # type: ignore[arg-type]


def test_the_grid_of_the_example_that_trains_networks_twice_has_65_of_them() -> None:
    """alpha to 2, beta and gamma to 1.5 by 0.05, the product within 0.1 of 2, int(gamma * 224) pixels: 108 points."""
    search = spec(
        baseline="efficientnet-b0",
        target={"metric": "product", "ratio": 2.0, "tolerance": 0.05},
        space={"resolution_multiple": 1},
        sampler={"name": "grid"},
    )
    alphas, wide = paper_grid.values([1.0, 2.0], 0.05), paper_grid.values([1.0, 1.5], 0.05)
    points = [(a, b, c) for a in alphas for b in wide for c in wide if abs(a * b**2 * c**2 - 2) < 0.1]
    network = search.network
    realised = [(network.depths_at(a), network.widths_at(b), int(c * 224)) for a, b, c in points]
    assert (len(points), len(set(realised))) == (108, 65)
    ours = paper_grid.networks(search)
    assert len(ours) == len(set(ours)) == 65
    assert {(depths, widths) for depths, widths, _ in ours} == {(depths, widths) for depths, widths, _ in realised}


def test_the_grid_comes_in_its_order_and_then_what_is_nearest_to_it() -> None:
    search = spec(sampler={"name": "grid", "step": 0.1}, baseline="efficientnet-b0")
    space = catalogue.of(search)
    order = paper_grid.order(search, space)
    assert sorted(order) == list(range(len(space.feasible)))
    on_grid = [at for network in paper_grid.networks(search) if (at := space.position(network)) is not None]
    assert 1 < len(on_grid) < len(order)
    assert list(order[: len(on_grid)]) == on_grid
    arrays = lattice.of(search, space)
    coarse = [np.log(paper_grid.values(getattr(search.space, name), 0.1)) for name in lattice.AXES]

    def distance(at: int) -> float:
        logs = np.log(lattice.triple(space.feasible[at].coefficients))
        return sum(
            ((np.abs(axis - log).min() / span) ** 2 for axis, log, span in zip(coarse, logs, arrays.span, strict=True))
        )

    rest = [distance(at) for at in order[len(on_grid) :]]
    assert rest == pytest.approx(sorted(rest), abs=1e-9)
    assert study.propose(search, space, [], 1).candidate == space.feasible[on_grid[0]]


def test_a_sobol_sequence_fills_the_cube_evenly_for_every_seed() -> None:
    """Of 64 points one lies in each of 64 slices of every axis, and in each of the 64 squares of the first two."""
    for seed in range(4):
        points = np.array([sobol(number, seed) for number in range(64)])
        for axis in range(3):
            assert sorted((points[:, axis] * 64).astype(int)) == list(range(64))
        squares = {tuple(square) for square in (points[:, :2] * 8).astype(int).tolist()}
        assert len(squares) == 64
    assert sobol(5, 0).tolist() != sobol(5, 1).tolist()


def test_chance_prefers_no_network() -> None:
    search = spec(sampler={"name": "random"}, **WIDE)
    space = catalogue.of(search)
    counts = np.zeros(len(space.feasible))
    for seed in range(40):
        sown = search.model_copy(update={"seed": seed})
        for number in range(1, 26):
            counts[space.positions[study.propose(sown, space, [], number).candidate.identity]] += 1
    expected = counts.sum() / len(counts)
    assert ((counts - expected) ** 2 / expected).sum() < 1.7 * len(counts)  # chi-squared: its mean is their number


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_proposals_made_at_the_same_time_keep_apart(sampler: str) -> None:
    """Networks that are still trained count: four proposals from the same results are four regions, not one."""
    search = spec(sampler={"name": sampler, "startup_trials": 4, "window": 16}, **B0)
    space = catalogue.of(search)
    arrays = lattice.of(search, space)
    records = [
        trial(at, accuracy=accuracy(c.identity), candidate=c)
        for at, c in enumerate(random.Random(3).sample(space.feasible, 40))
    ]
    waiting: list[TrialRecord] = []
    for number in range(40, 48):
        candidate = study.propose(search, space, [*records, *waiting], number).candidate
        waiting.append(trial(number, "running", None, candidate=candidate))
    found = np.array([arrays.points[space.positions[record.identity]] for record in waiting])
    gaps = np.linalg.norm(found[:, None] - found[None], axis=2)[np.triu_indices(8, 1)]
    assert np.median(gaps) > 0.1


def test_columns_are_read_in_any_order_and_without_what_is_not_known() -> None:
    search = spec(sampler={"window": 2}, **WIDE)
    space = catalogue.of(search)
    records = [ended(at, space.feasible[at]) for at in range(12)]
    history = History.of(search, space, records[::-1])
    view = history.before(9)
    observations = [r for r in records[:8] if r.state in ("completed", "cached", "pruned")]
    assert view.observations.values[:, 0].tolist() == [run.reached for r in observations if (run := r.search_run)]
    assert int(view.free.sum()) == len(space.feasible) - 9
    assert len(view.pending) == 1


def fields(**changes: Any) -> dict[str, Any]:
    return {"name": "tpe", **changes}


@pytest.mark.parametrize(
    ("sampler", "wrong"),
    [
        (fields(name="best"), "sampler/name"),
        (fields(window=0), "sampler/window"),
        (fields(window=4097), "sampler/window"),
        (fields(step=0.0), "sampler/step"),
    ],
)
def test_a_sampler_that_cannot_be_is_refused(sampler: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong.replace("/", ".")):
        spec(sampler=sampler)
