import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.planning.lifecycle import (
    Fail,
    Finals,
    Progress,
    Propose,
    Succeed,
    Wait,
    next_proposal,
    next_step,
    planned_probes,
    planned_runs,
)
from search.results.racing import final_seeds
from search.results.trial_records import TERMINAL, TrialRecord
from tests.search.records import final_run, search_run, spec, trial


def test_a_search_begins_with_trial_0() -> None:
    assert next_step(spec(), 10, []) == Propose(0)


def test_no_more_trials_at_once_than_allowed() -> None:
    search = spec(parallelism=2)
    open_trials = [trial(0, "running"), trial(1, "queued")]
    assert next_step(search, 10, open_trials[:1]) == Propose(1)
    assert next_step(search, 10, open_trials) == Wait()
    assert next_step(search, 10, [trial(0), open_trials[1]]) == Propose(2)


@pytest.mark.parametrize(("trials", "feasible"), [(3, 100), (100, 3)])
def test_the_budget_is_what_is_asked_for_and_what_there_is(trials: int, feasible: int) -> None:
    search = spec(trials=trials, finalists={"count": 0})
    assert next_step(search, feasible, [trial(0), trial(1, "failed")]) == Propose(2)
    assert next_step(search, feasible, [trial(0), trial(1, "failed"), trial(2, "running")]) == Wait()
    assert next_step(search, feasible, [trial(0), trial(1, "failed"), trial(2, "pruned")]) == Succeed()


def test_device_seconds_stop_proposals_but_not_what_runs_nor_the_finals() -> None:
    search = spec(max_device_seconds=10.0, finalists={"count": 1, "seeds": 2})
    spent = trial(0, runs=(search_run(device_seconds=9.9),))
    assert next_step(search, 100, [spent]) == Propose(1)
    over = [spent, trial(1, "running", runs=(search_run("running", None, device_seconds=0.1),))]
    assert next_step(search, 100, over) == Wait()
    assert next_step(
        search, 100, [spent, trial(1, "cancelled", runs=(search_run("cancelled", None, device_seconds=1),))]
    ) == Finals(((0, 1), (0, 2)))


def test_finalists_are_the_best_and_earlier_ones_before_equal_ones() -> None:
    search = spec(trials=5, finalists={"count": 3, "seeds": 2}, seed=7)
    trials = [trial(0, accuracy=0.8), trial(1, accuracy=0.9), trial(2, "pruned", 0.99), trial(3, accuracy=0.8)]
    trials.append(trial(4, accuracy=0.7))
    found = next_step(search, 100, trials)
    assert found == Finals(((0, 8), (0, 9), (1, 8), (1, 9), (3, 8), (3, 9)))


def test_fewer_completed_than_finalists_are_all_finalists() -> None:
    search = spec(trials=3, finalists={"count": 3, "seeds": 2})
    trials = [trial(0, "failed"), trial(1, "cached", 0.5), trial(2, "infeasible")]
    assert next_step(search, 100, trials) == Finals(((1, 1), (1, 2)))


@given(st.integers(0, 2**31 - 1), st.integers(2, 100))
def test_final_seeds_are_new_distinct_and_31_bits(seed: int, count: int) -> None:
    seeds = final_seeds(spec(seed=seed, finalists={"seeds": count}))
    assert len({seed, *seeds}) == count + 1
    assert all(0 <= each < 2**31 for each in seeds)


def test_finals_that_failed_are_not_repeated() -> None:
    search = spec(trials=1, finalists={"count": 1, "seeds": 3})
    finalist = trial(0, finals=(0.9,))
    begun = replace(finalist, runs=(*finalist.runs, final_run(2, None, "failed"), final_run(3, None, "running")))
    assert next_step(search, 10, [begun]) == Wait()
    ended = replace(begun, runs=(*begun.runs[:-1], final_run(3, None, "quarantined")))
    assert next_step(search, 10, [ended]) == Succeed()


@pytest.mark.parametrize(
    ("limit", "spent", "goes_on"),
    [(None, 1e9, True), (10.0, 9.9, True), (10.0, 10.0, False), (10.0, 10.1, False)],
)
def test_a_race_goes_on_for_as_long_as_there_is_time(limit: float | None, spent: float, goes_on: bool) -> None:
    """The seeds that all finalists have are trained in any case."""
    search = spec(trials=2, finalists={"count": 2, "seeds": 2, "max_seeds": 3}, max_device_seconds=limit)
    trials = [
        trial(0, finals=(0.9, 0.91), runs=None),
        trial(1, finals=(0.91, 0.9), runs=None),
    ]
    begun = next_step(search, 10, [replace(trials[0], runs=(search_run(device_seconds=spent),)), trials[1]])
    assert begun == Finals(((0, 1), (0, 2)))
    timed = [replace(trials[0], runs=(search_run(device_seconds=spent), *trials[0].runs[1:])), trials[1]]
    assert next_step(search, 10, timed) == (Finals(((0, 3), (1, 3))) if goes_on else Succeed())


def test_the_runs_of_a_plan_are_counted() -> None:
    search = spec(
        trials=9, finalists={"count": 3, "seeds": 2, "max_seeds": 5}, transfer={"phi": 2, "count": 2, "seeds": 4}
    )
    assert [planned_runs(search, feasible) for feasible in (20, 5, 2)] == [(9, 15), (5, 15), (2, 10)]
    assert [planned_probes(search, feasible) for feasible in (20, 2, 1)] == [8, 8, 4]
    assert planned_probes(spec(trials=9), 20) == 0


def test_the_last_second_and_the_last_place_are_taken() -> None:
    search = spec(trials=9, parallelism=2, max_device_seconds=10.0)
    for spent, step in ((9.99, Propose(1)), (10.0, None), (10.01, None)):
        assert next_proposal(search, 9, Progress(1, 0, spent), []) == step
    for busy, step in ((1, Propose(3)), (2, Wait()), (3, Wait())):
        assert next_proposal(search, 9, Progress(3, busy, 0.0), []) == step
    for proposed, step in ((8, Propose(8)), (9, None), (10, None)):
        assert next_proposal(search, 9, Progress(proposed, 0, 0.0), []) == step
        assert next_proposal(search, 99, Progress(proposed, 0, 0.0), []) == step


def test_the_only_trial_is_spoken_of_in_the_singular() -> None:
    found = next_step(spec(trials=1, finalists={"count": 1}), 10, [trial(0, "failed")])
    assert isinstance(found, Fail)
    assert found.message == "the only trial was not trained to the end (1 failed); its message says why"


def test_a_final_that_was_never_queued_is_queued() -> None:
    """A crash between two queued runs leaves some out."""
    search = spec(trials=1, finalists={"count": 1, "seeds": 3})
    assert next_step(search, 10, [trial(0, finals=(0.9,))]) == Finals(((0, 2), (0, 3)))


def test_a_larger_budget_does_not_reopen_a_search_in_its_finals() -> None:
    trials = [trial(0, finals=(0.9, 0.8))]
    assert next_step(spec(trials=50, finalists={"count": 1, "seeds": 2}), 100, trials) == Succeed()


def test_nothing_completed_is_a_failure_that_counts_why() -> None:
    search = spec(trials=4)
    trials = [trial(0, "failed"), trial(1, "infeasible"), trial(2, "failed"), trial(3, "pruned")]
    found = next_step(search, 100, trials)
    assert isinstance(found, Fail)
    assert found.reason == "no-trial-completed"
    assert "none of the 4 trials was trained to the end (2 failed, 1 infeasible, 1 pruned)" in found.message


@settings(max_examples=150)
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(0, 4),
    st.one_of(st.none(), st.floats(1, 8)),
)
def test_every_search_ends_within_its_plan(
    chance: random.Random, budget: int, feasible: int, parallelism: int, count: int, seconds: float | None
) -> None:
    search = spec(
        trials=budget,
        parallelism=parallelism,
        finalists={"count": min(count, budget), "seeds": 2},
        max_device_seconds=seconds,
    )
    trials: list[TrialRecord] = []
    for _ in range(200):
        step = next_step(search, feasible, list(reversed(trials)))
        if isinstance(step, Propose):
            assert step.number == len(trials)
            trials.append(trial(step.number, "running", runs=(search_run("running", None),)))
        elif isinstance(step, Finals):
            assert step.runs
            for number, seed in step.runs:
                found = trials[number]
                runs = (*found.runs, final_run(seed, None, "queued"))
                trials[number] = replace(found, finalist=True, runs=runs)
        elif isinstance(step, Wait):
            _end_one(chance, trials)
        else:
            break
        assert sum(not each.terminal for each in trials) <= parallelism
    planned, finals = planned_runs(search, feasible)
    assert isinstance(step, Succeed | Fail)
    assert isinstance(step, Fail) == all(each.search_accuracy is None for each in trials)
    assert len(trials) <= planned
    assert seconds is not None or len(trials) == planned
    assert sum(run.role == "final" for each in trials for run in each.runs) <= finals
    assert all(run.state in TERMINAL for each in trials for run in each.runs)


def _end_one(chance: random.Random, trials: list[TrialRecord]) -> None:
    """End one open run in any way there is."""
    number, at = chance.choice(
        [(each.number, at) for each in trials for at, run in enumerate(each.runs) if run.state not in TERMINAL]
    )
    state = chance.choice(("completed", "completed", "pruned", "failed", "quarantined", "infeasible", "cancelled"))
    runs = list(trials[number].runs)
    accuracy = chance.random() if state == "completed" else None
    runs[at] = replace(runs[at], state=state, accuracy=accuracy, device_seconds=1.0)
    changed = replace(trials[number], runs=tuple(runs))
    trials[number] = replace(changed, state=state) if runs[at].role == "search" else changed
