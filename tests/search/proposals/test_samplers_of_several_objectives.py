"""What samplers make of several objectives."""

import dataclasses
import math
import random
from typing import get_args

import numpy as np
import pytest

from search.proposals import study
from search.proposals.history import History, Observations
from search.proposals.samplers.genetic import NSGA3Sampler, directions
from search.proposals.samplers.gp import weighed
from search.results import objectives
from search.results.trial_records import TrialRecord
from search.space import catalogue
from search.space.catalogue import Candidate
from search.spec.parts import LEARNING, SamplerName
from search.spec.spec import SearchSpec
from tests.search.records import WIDE, search_run, spec, trial

THREE = {
    "baseline": "efficientnet-b0",
    "target": {"tolerance": 0.5},
    "objectives": ["accuracy", "macs", "params"],
}


def record(number: int, candidate: Candidate, *, state: str = "completed") -> TrialRecord:
    """Accuracy grows with the cost, and falls with the distance from one shape."""
    c = candidate.coefficients
    lie = math.log(c.alpha) - 0.25, math.log(c.beta) - 0.12, math.log(c.gamma) - 0.15
    value = 0.5 + 0.1 * math.log(candidate.cost.macs / 4e8) - 0.4 * math.hypot(*lie)
    value += random.Random(repr(candidate.identity)).gauss(0, 0.003)
    runs = (search_run("pruned", None, history=(value,)),) if state == "pruned" else (search_run(state, value),)
    costs = {"macs": candidate.cost.macs, "params": candidate.cost.params}
    return dataclasses.replace(trial(number, state, candidate=candidate, runs=runs), costs=costs)


def searched(search: SearchSpec, count: int) -> list[TrialRecord]:
    space = catalogue.of(search)
    records: list[TrialRecord] = []
    for number in range(count):
        state = "pruned" if number % 5 == 4 else "completed"
        records.append(record(number, study.propose(search, space, records, number).candidate, state=state))
    return records


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_only_feasible_networks_and_none_twice_for_several_objectives(sampler: str) -> None:
    chosen = {"name": sampler, "startup_trials": 3, "window": 2}
    search = spec(sampler=chosen, objectives=THREE["objectives"], **WIDE)
    space = catalogue.of(search)
    records = searched(search, len(space.feasible))
    assert {each.identity for each in records} == {each.identity for each in space.feasible}


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_samplers_with_a_model_find_a_larger_front_than_chance(sampler: str) -> None:
    def volume(name: str) -> float:
        covered = 0.0
        for seed in range(2):
            search = spec(sampler={"name": name, "window": 4}, seed=seed, **THREE)
            done = [each for each in searched(search, 60) if each.search_accuracy is not None]
            points = [objectives.vector(search, each, each.search_accuracy or 0.0) for each in done]
            covered += objectives.hypervolume(points, (0.3, -1.3e9, -1.2e7))
        return covered

    assert volume(sampler) > volume("random")


def test_the_order_is_by_front_and_the_pruned_come_last() -> None:
    search = spec(sampler={"window": 1}, **THREE)
    space = catalogue.of(search)
    picked = random.Random(0).sample(space.feasible, 12)
    records = [record(at, each, state="pruned" if at > 8 else "completed") for at, each in enumerate(picked)]
    observations = History.of(search, space, records).before(12).observations
    order = observations.order().tolist()
    points = [objectives.vector(search, each, each.search_accuracy or 0.0) for each in records[:9]]
    assert order[:9] == objectives.ranked(points)
    assert set(order[9:]) == {9, 10, 11}


def test_a_cost_that_was_not_measured_is_endless_and_stops_nobody() -> None:
    search = spec(
        objectives=["accuracy", "latency_ms"],
        measure_latency="all",
        sampler={"name": "gp", "startup_trials": 1, "window": 1},
        **WIDE,
    )
    space = catalogue.of(search)
    records = [record(at, space.feasible[at]) for at in range(6)]
    observations = History.of(search, space, records).before(6).observations
    assert observations.values[:, 1].tolist() == [-math.inf] * 6
    for name in LEARNING:
        chosen = search.model_copy(update={"sampler": search.sampler.model_copy(update={"name": name})})
        assert study.propose(chosen, space, records, 6).candidate in space.feasible[6:]


def test_weights_of_objectives_prefer_what_is_best_in_all() -> None:
    values = np.array([[0.9, -1.0], [0.8, -2.0], [0.7, -math.inf]])
    for seed in range(20):
        found = weighed(values, np.random.default_rng(seed))
        assert found[0] == 0
        assert found[0] > found[1] > found[2]


@pytest.mark.parametrize(("count", "places"), [(2, 13), (3, 91), (4, 20), (6, 56)])
def test_directions_are_even_and_sum_to_one(count: int, places: int) -> None:
    found = directions(count)
    assert found.shape == (places, count)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert found.min() == 0
    assert len({tuple(row) for row in found.tolist()}) == places


def test_the_third_keeps_whole_fronts_and_spreads_over_the_last() -> None:
    """Two are better than all others; of a line of twelve equals those kept are spread over it."""
    line = [(at / 11, 1 - at / 11) for at in range(12)]
    values = np.array([(2.0, 1.5), (1.5, 2.0), *line])
    observations = Observations(np.zeros((14, 3)), values, np.ones(14, dtype=np.bool_), np.zeros(14, dtype=np.int64))
    search = spec(objectives=["accuracy", "macs"], **WIDE)
    kept = NSGA3Sampler(search, catalogue.of(search)).survivors(observations, 6).tolist()
    assert set(kept[:2]) == {0, 1}
    assert len(set(kept)) == 6
    accuracies = sorted(values[at, 0] for at in kept[2:])
    assert accuracies[0] < 0.3
    assert accuracies[-1] > 0.7
