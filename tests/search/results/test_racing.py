import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from search.planning.lifecycle import Finals, Succeed, Wait, next_step
from search.results.leaderboard import rank, statement, ties, winner
from search.results.racing import Rounds, final_seeds, leader, race, rounds, shares
from search.results.trial_records import TERMINAL, TrialRecord
from tests.search.records import final_run, spec, trial
from tests.search.simulated import noisy, raced

CLEAR = (0.90, 0.91, 0.90, 0.92, 0.91)
WORSE = (0.70, 0.72, 0.71, 0.73, 0.70)
CLOSE = (0.91, 0.90, 0.91, 0.91, 0.90)


def finalists(*values: Sequence[float]) -> list[TrialRecord]:
    return [trial(number, finals=each) for number, each in enumerate(values)]


def plan(first: int, last: int, quantum: float = 0.0) -> Rounds:
    return Rounds(first, tuple(range(1, last + 1)), quantum)


@given(st.integers(2, 100), st.integers(0, 98))
def test_the_looks_share_the_error_and_spend_no_more(first: int, more: int) -> None:
    found = shares(first, first + more)
    assert list(found) == list(range(first, first + more + 1))
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) > 0


def test_who_is_told_from_the_best_leaves_and_the_others_get_one_seed_more() -> None:
    found = race(plan(5, 8), finalists(CLEAR, WORSE, CLOSE))
    assert (found.inside, dict(found.left), found.seeds) == ((0, 2), {1: 5}, 6)
    assert found.missing == ((0, 6), (2, 6))


def test_a_race_is_over_when_one_is_left_or_the_seeds_are_used_up() -> None:
    found = race(plan(5, 8), finalists(CLEAR, WORSE))
    assert (found.inside, found.missing, found.waiting) == ((0,), (), False)
    ended = race(plan(5, 6), finalists((*CLEAR, 0.91), WORSE, (*CLOSE, 0.90)))
    assert (ended.inside, dict(ended.left), ended.missing, ended.waiting) == ((0, 2), {1: 5}, (), False)


def test_nobody_is_compared_before_a_round_has_ended() -> None:
    begun = finalists(CLEAR, WORSE)
    begun[1] = replace(begun[1], runs=(*begun[1].runs[:-1], final_run(5, None, "running")))
    found = race(plan(5, 8), begun)
    assert (found.inside, dict(found.left), found.missing, found.waiting) == ((0, 1), {}, (), True)


def test_a_finalist_counts_with_the_seeds_it_has_and_without_any_is_out() -> None:
    failed = tuple(final_run(seed, None, "failed") for seed in range(1, 6))
    some = trial(2, finals=WORSE[:4])
    trials = [
        trial(0, finals=CLEAR),
        replace(trial(1, finalist=True), runs=failed),
        replace(some, runs=(*some.runs, failed[4])),
    ]
    found = race(plan(5, 8), trials)
    assert (found.inside, dict(found.left)) == ((0,), {2: 5})


def test_without_a_race_there_is_one_look_at_five_percent() -> None:
    assert rounds(spec()).racing is False
    assert shares(5, 5) == {5: 1}
    found = race(plan(5, 5), finalists(CLEAR, WORSE, CLOSE))
    assert {number: number in found.inside for number in (1, 2)} == ties(finalists(CLEAR, WORSE, CLOSE))


def test_fewer_seeds_at_most_than_at_first_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"max_seeds \(3\) must be at least seeds \(5\), or null for no race"):
        spec(finalists={"seeds": 5, "max_seeds": 3})


def test_a_race_by_accuracy_alone_is_refused_where_costs_count_too() -> None:
    with pytest.raises(ValidationError, match="max_seeds must be null with the objectives accuracy, macs") as refused:
        spec(objectives=["accuracy", "macs"], finalists={"max_seeds": 9})
    assert refused.value.errors()[0]["loc"] == ("finalists",)


def test_equal_means_lead_by_number() -> None:
    assert leader(list(reversed(finalists(CLEAR, CLEAR))), range(1, 6)).number == 0


def test_it_is_the_race_that_is_simulated() -> None:
    """The arrays of `tests.search.simulated` decide as the code does, so that figures from them hold of it."""
    values = noisy([0.95, 0.948, 0.946, 0.94], 0.003, 0.002, 9, 60)
    expected = raced(values, 3)
    left = 0
    for which, accuracies in enumerate(values.tolist()):
        trials = finalists(*(each[:3] for each in accuracies))
        for _ in range(7):
            found = race(plan(3, 9), trials)
            for number, seed in found.missing:
                more = final_run(seed, accuracies[number][seed - 1])
                trials[number] = replace(trials[number], runs=(*trials[number].runs, more))
        assert not found.missing
        assert list(found.inside) == expected.inside[which].nonzero()[0].tolist()
        assert [len(each.finals) for each in trials] == expected.used[which].tolist()
        best = leader([trials[number] for number in found.inside], range(1, 10))
        assert best.number == expected.winner[which]
        left += len(found.left)
    assert 50 < left < 175  # both kinds of finalist were there


def test_the_winner_leads_even_a_finalist_that_left_with_a_higher_mean() -> None:
    """Means over different seeds do not compare: 1 left after two seeds, which were good ones for everybody."""
    stayed = replace(trial(0, finals=(0.99, 0.98, 0.70, 0.71)), leading=True)
    close = replace(trial(2, finals=(0.98, 0.99, 0.69, 0.70)), leading=True)
    left = trial(1, finals=(0.9500, 0.9401))
    assert [each.number for each in rank([left, close, stayed])] == [0, 2, 1]
    assert winner([left, close, stayed]).number == 0


def test_what_is_said_after_a_race_is_what_the_race_decided() -> None:
    trials = finalists((*CLEAR, 0.905), WORSE, (*CLOSE, 0.905))
    trials[0], trials[2] = (replace(trials[at], leading=True) for at in (0, 2))
    assert ties(trials, plan=plan(5, 6)) == {2: True, 1: False}
    assert statement(trials, plan=plan(5, 6)).endswith("and one other cannot be told apart at 95 %.")


@settings(max_examples=40)
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 5),
    st.integers(2, 4),
    st.integers(0, 5),
    st.one_of(st.none(), st.floats(1, 40)),
)
def test_every_race_ends_within_its_plan_whatever_the_order(
    chance: random.Random, count: int, first: int, more: int, seconds: float | None
) -> None:
    search = spec(
        trials=count,
        finalists={"count": count, "seeds": first, "max_seeds": first + more},
        max_device_seconds=seconds,
    )
    seeds = final_seeds(search)
    trials = [trial(number, accuracy=0.9) for number in range(count)]
    for _ in range(count * (first + more) * 3):
        step = next_step(search, count, chance.sample(trials, count))
        assert step == next_step(search, count, trials)
        if isinstance(step, Finals):
            asked = {seed for _, seed in step.runs}
            assert asked <= set(seeds)
            if any(each.finalist for each in trials):
                assert len(asked) == 1  # one seed more, the same for all who are still in
                assert seconds is None or sum(each.device_seconds for each in trials) < seconds
            for number, seed in step.runs:
                runs = (*trials[number].runs, final_run(seed, None, "queued"))
                trials[number] = replace(trials[number], finalist=True, runs=runs)
        elif isinstance(step, Wait):
            _end_one(chance, trials)
        else:
            break
    assert isinstance(step, Succeed)
    for each in trials:
        trained = [run.seed for run in each.runs if run.role == "final"]
        assert len(trained) == len(set(trained)) <= first + more
        assert sorted(trained) == sorted(seeds[: len(trained)])  # common seeds, in their order, and none left out
        assert len(trained) >= first


def _end_one(chance: random.Random, trials: list[TrialRecord]) -> None:
    number, at = chance.choice(
        [(each.number, at) for each in trials for at, run in enumerate(each.runs) if run.state not in TERMINAL]
    )
    state = chance.choice(("completed", "completed", "completed", "failed"))
    runs = list(trials[number].runs)
    accuracy = chance.choice((0.9, 0.7)) + chance.random() / 50 if state == "completed" else None
    runs[at] = replace(runs[at], state=state, accuracy=accuracy, device_seconds=1.0)
    trials[number] = replace(trials[number], runs=tuple(runs))
