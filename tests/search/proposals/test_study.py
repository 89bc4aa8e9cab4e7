import json
import os
import random
import statistics as stdlib
import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scaling.baselines import PAPER_COEFFICIENTS
from search.errors import CatalogueExhausted
from search.proposals import study
from search.proposals.history import History
from search.proposals.samplers.base import stable_seed
from search.results.trial_records import TrialRecord
from search.space import catalogue
from search.space.catalogue import Candidate
from search.space.reference import distance
from search.spec.parts import LEARNING, SamplerName
from search.spec.spec import SearchSpec
from tests.search.records import WIDE, search_run, spec, trial

STATES = ("completed", "cached", "pruned", "failed", "infeasible", "quarantined", "cancelled", "running", "queued")


def searched(search: SearchSpec, count: int, seed: int = 0) -> list[TrialRecord]:
    """The records of a search whose trials end in all kinds of ways."""
    space, chance = catalogue.of(search), random.Random(seed)
    records: list[TrialRecord] = []
    for number in range(count):
        candidate = study.propose(search, space, records, number).candidate
        records.append(trial(number, chance.choice(STATES), chance.random(), candidate=candidate))
    return records


@settings(max_examples=12)
@given(st.sampled_from(get_args(SamplerName)), st.integers(0, 2**31 - 1), st.integers(0, 100))
def test_every_feasible_network_is_proposed_and_none_twice(sampler: str, seed: int, chance: int) -> None:
    search = spec(sampler={"name": sampler, "startup_trials": 3, "window": 2}, seed=seed, target={"tolerance": 0.1})
    space = catalogue.of(search)
    records = searched(search, len(space.feasible), chance)
    assert {record.identity for record in records} == {candidate.identity for candidate in space.feasible}
    with pytest.raises(CatalogueExhausted, match=f"all {len(records)} feasible networks have been proposed"):
        study.propose(search, space, records, len(records))


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.sampled_from(get_args(SamplerName)))
def test_a_proposal_does_not_depend_on_the_order_of_the_records(chance: random.Random, sampler: str) -> None:
    search = spec(sampler={"name": sampler, "startup_trials": 4, "window": 3}, **WIDE)
    space, records = catalogue.of(search), searched(search, 20)
    shuffled = list(records)
    chance.shuffle(shuffled)
    assert study.propose(search, space, shuffled, 20) == study.propose(search, space, records, 20)
    assert study.propose(search, space, shuffled, 7) == study.propose(search, space, records, 7)


def test_another_process_proposes_the_same() -> None:
    """Neither Python's hash seed nor anything else of a process takes part."""
    code = (
        "import json; from tests.search.proposals.test_study import *;"
        "search = spec(sampler={'startup_trials': 4, 'window': 4}, **WIDE);"
        "print(json.dumps([r.identity for r in searched(search, 25)]))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        ).stdout
        for seed in ("1", "2")
    }
    here = json.dumps(
        [record.identity for record in searched(spec(sampler={"startup_trials": 4, "window": 4}, **WIDE), 25)]
    )
    assert answers == {here + "\n"}


def test_the_seed_and_the_number_choose() -> None:
    search, other = spec(**WIDE), spec(seed=1, **WIDE)
    space, records = catalogue.of(search), searched(search, 3)
    of_seeds = {study.propose(each, space, records, 3).candidate.identity for each in (search, other)}
    of_numbers = {study.propose(search, space, records, number).candidate.identity for number in (3, 4, 5)}
    assert len(of_seeds) == 2
    assert len(of_numbers) > 1


def test_stable_seeds_never_change() -> None:
    assert (stable_seed(0, 1), stable_seed(1, 0)) == (2781527649, 3813156222)


@pytest.mark.parametrize("sampler", LEARNING)
def test_samplers_that_learn_come_nearer_than_chance_does(sampler: str) -> None:
    """On a surface that falls with the distance from alpha 1.5 and beta 1.2."""

    def mean_value(name: str) -> float:
        values = []
        for seed in range(3):
            chosen = {"name": name, "startup_trials": 5, "window": 2}
            search = spec(baseline="efficientnet-b0", sampler=chosen, seed=seed)
            space = catalogue.of(search)
            records: list[TrialRecord] = []
            for number in range(40):
                candidate = study.propose(search, space, records, number).candidate
                value = 1 - abs(candidate.coefficients.alpha - 1.5) - abs(candidate.coefficients.beta - 1.2)
                records.append(trial(number, accuracy=value, candidate=candidate))
            values += [record.search_accuracy or 0.0 for record in records[10:]]
        return stdlib.fmean(values)

    assert mean_value(sampler) > mean_value("random") + 0.05


def test_pruned_trials_are_told_and_failed_ones_are_not() -> None:
    search = spec(sampler={"startup_trials": 2, "window": 1}, **WIDE)
    space = catalogue.of(search)
    picked = space.feasible[:8]

    def proposals(state: str, values: list[float]) -> list[Candidate]:
        records = [
            trial(at, candidate=candidate, runs=(search_run("completed", value),))
            for at, (candidate, value) in enumerate(zip(picked[:6], (0.5, 0.6, 0.7, 0.8, 0.55, 0.9), strict=True), 1)
        ]
        ended = trial(9, state, candidate=picked[7], runs=(search_run(state, None, history=tuple(values)),))
        return [study.propose(search, space, [*records, ended], number).candidate for number in range(20, 40)]

    assert proposals("failed", [0.1]) == proposals("failed", [0.9]) == proposals("running", [0.4])
    assert proposals("pruned", [0.1]) != proposals("failed", [0.1])


def test_a_long_history_is_told_in_part_and_the_best_always() -> None:
    search = spec(sampler={"window": 1}, **WIDE)
    space = catalogue.of(search)
    records = [trial(at, accuracy=1 - at / 100, candidate=space.feasible[at]) for at in range(30)]
    observations = History.of(search, space, records).before(30).observations.part(best=4, most=12)
    assert observations.values[:, 0].tolist() == [1 - at / 100 for at in (*range(4), *range(22, 30))]


@settings(max_examples=30)
@given(st.sampled_from((1, 4, 8)), st.floats(0.02, 0.6), st.floats(1.1, 4), st.sampled_from((0.5, 1, 2)))
def test_the_first_trial_is_the_reference(multiple: int, tolerance: float, ratio: float, phi: float) -> None:
    search = spec(phi=phi, target={"ratio": ratio, "tolerance": tolerance}, space={"resolution_multiple": multiple})
    try:
        space = catalogue.of(search)
    except ValueError:
        return
    candidate, note = study.propose(search, space, [], 0)
    assert candidate in space.feasible
    assert note is not None
    paper = search.network.scale(PAPER_COEFFICIENTS.multipliers(phi), classes=10)
    if note.startswith("the paper's coefficients"):
        assert catalogue.architecture(search, candidate) == paper
    else:
        assert "which are not feasible here: " in note
        assert paper.key not in {catalogue.architecture(search, each).key for each in space.feasible}
        nearest = min(distance(each.coefficients, PAPER_COEFFICIENTS) for each in space.feasible)
        assert distance(candidate.coefficients, PAPER_COEFFICIENTS) == nearest


def test_the_note_of_the_reference_says_what_is_wrong_with_the_paper() -> None:
    for fields, said in (
        ({}, "37 px are no multiple of 8 and it really costs 2.431 times the baseline's macs, not 2"),
        ({"target": {"ratio": 2.43}, "space": {"resolution_multiple": 1}}, "the paper's coefficients: alpha 1.2"),
        ({"space": {"alpha": [1.3, 2], "gamma": [1, 1]}}, "whose alpha and gamma the space leaves out"),
        ({"target": {"metric": "product", "ratio": 1.5}, "space": {"resolution_multiple": 1}}, "costs 1.92 times"),
    ):
        search = spec(**fields)
        assert said in (study.propose(search, catalogue.of(search), [], 0).note or "")


def test_an_axis_without_a_range_is_left_alone() -> None:
    search = spec(
        space={"alpha": [1.5, 1.5], "gamma": [1, 1]}, target={"tolerance": 0.3}, sampler={"startup_trials": 1}
    )
    space = catalogue.of(search)
    records = searched(search, len(space.feasible))
    assert {record.coefficients.alpha for record in records} == {1.5}
    assert len(records) > 1
