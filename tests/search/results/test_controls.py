"""Simple choices beside the answer: which runs are asked for, and intervals that hold together."""

import math

import pytest

from search.results import controls
from search.results.controls import by_seed, compare, error_levels, missing, over
from search.results.trial_records import RunRecord, TrialRecord
from search.space import controls as choices
from search.spec.parts import CONTROLS
from tests.search.records import WIDE, final_run, search_run, spec, trial

ASKED = spec(**WIDE, controls=True, finalists={"count": 2, "seeds": 3})
BY_NAME = {control.name: control for control in choices.of(ASKED)}


def control_run(seed: int, accuracy: float | None, state: str = "completed") -> RunRecord:
    return RunRecord(seed, "control", state, accuracy)


def of_network(number: int, name: str, *runs: RunRecord) -> TrialRecord:
    """A trial whose network is that of a control."""
    found = trial(number, runs=runs)
    identity = BY_NAME[name].identity  # type: ignore[index]
    assert identity is not None
    return TrialRecord(number, "completed", identity, found.coefficients, False, False, tuple(runs))


def finalists() -> list[TrialRecord]:
    return [trial(0, finals=(0.9, 0.91, 0.92)), trial(1, finals=(0.8, 0.81, 0.82)), trial(2, accuracy=0.7)]


def test_each_network_is_asked_for_once_on_the_winners_seeds() -> None:
    asked = missing(ASKED, finalists())
    networks = {control.identity for control in BY_NAME.values() if control.network is not None}
    assert len(asked) == 3 * len(networks)
    assert {seed for _, seed in asked} == {1, 2, 3}
    assert [name for name, _ in asked[:3]] == ["baseline"] * 3


def test_a_control_that_is_a_finalist_is_not_trained_again() -> None:
    runs = (search_run(), *(final_run(seed, 0.95) for seed in (1, 2, 3)))
    asked = missing(ASKED, [*finalists(), of_network(3, "depth", *runs)])
    assert "depth" not in {name for name, _ in asked}


def test_a_control_that_is_another_trial_gets_runs_on_the_common_seeds_there() -> None:
    other = of_network(3, "depth", search_run(), control_run(1, 0.9))
    asked = missing(ASKED, [*finalists(), other])
    assert [pair for pair in asked if pair[0] == "depth"] == [("depth", 2), ("depth", 3)]
    found = {each.control.name: each for each in compare(ASKED, [*finalists(), other], finalists()[0], 1)}
    assert (found["depth"].same_as, found["baseline"].same_as) == (3, None)


@pytest.mark.parametrize(
    ("fields", "trials"),
    [
        ({"controls": False}, finalists()),
        ({"controls": True, "finalists": {"count": 0}}, [trial(0), trial(1)]),
        ({"controls": True, "max_device_seconds": 1.0}, [trial(0, finals=(0.9, 0.9), runs=None)]),
    ],
)
def test_no_control_is_asked_for(fields: dict[str, object], trials: list[TrialRecord]) -> None:
    asked = spec(**WIDE, **fields)
    if asked.max_device_seconds is not None:
        spent = (search_run(device_seconds=5.0), final_run(1, 0.9), final_run(2, 0.9))
        trials = [trial(0, finals=(0.9,), runs=spent)]
    assert missing(asked, trials) == ()


def test_only_those_that_are_named() -> None:
    assert [control.name for control in choices.of(spec(**WIDE, controls=["paper", "baseline"]))] == [
        "baseline",
        "paper",
    ]


def test_states() -> None:
    trials = [*finalists(), of_network(3, "baseline", control_run(1, 0.9), control_run(2, None, "running"))]
    found = {each.control.name: each.state for each in compare(ASKED, trials, trials[0], 1)}
    assert found["baseline"] == "running"
    assert found["paper"] == "queued"
    assert not over(trials)
    failed = [*finalists(), of_network(3, "baseline", control_run(1, None, "failed"))]
    assert compare(ASKED, failed, failed[0], 1)[0].state == "failed"
    assert over(failed)


def test_all_intervals_together_err_with_five_percent() -> None:
    for names in (CONTROLS, CONTROLS[1:], CONTROLS[:1], CONTROLS[:2]):
        assert math.isclose(sum(error_levels(names).values()), 0.05)
        assert math.isclose(sum(error_levels(names, 4).values()), 0.025)
    assert error_levels(()) == {}


def test_a_difference_is_of_the_seeds_that_both_have() -> None:
    baseline = of_network(3, "baseline", *(control_run(seed, value) for seed, value in ((1, 0.8), (2, 0.82), (9, 0.1))))
    trials = [*finalists(), baseline]
    (found, *_) = compare(ASKED, trials, trials[0], 1)
    assert found.difference is not None
    assert found.difference.seeds == 2
    assert math.isclose(found.difference.mean, 0.095)
    assert by_seed(baseline) == {1: 0.8, 2: 0.82, 9: 0.1}
    assert controls.mean(trials[2]) is None
