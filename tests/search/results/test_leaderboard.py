import random
import statistics as stdlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import NothingFinished
from search.results.leaderboard import COMPLETED, OTHER, PRUNED, REPLICATED, rank, standing, statement, ties, winner
from search.results.trial_records import TrialRecord, summarise
from tests.search.records import TRIALS, trial


def test_means_over_seeds_then_single_runs_then_pruned_then_the_rest() -> None:
    trials = [
        trial(0, accuracy=0.99),
        trial(1, "failed"),
        trial(2, accuracy=0.95, finals=(0.90, 0.92)),
        trial(3, "pruned", 0.999),
        trial(4, accuracy=0.94, finals=(0.93, 0.95)),
        trial(5, "running"),
        trial(6, "cached", 0.99),
        trial(7, accuracy=1.0),
    ]
    ranked = rank(trials)
    assert [each.number for each in ranked] == [4, 2, 7, 0, 6, 3, 1, 5]
    assert [standing(each) for each in ranked] == [REPLICATED] * 2 + [COMPLETED] * 3 + [PRUNED] + [OTHER] * 2
    assert winner(trials).number == 4


def test_a_finalist_whose_finals_all_failed_is_a_single_run() -> None:
    assert standing(trial(0, accuracy=0.9, finalist=True)) == COMPLETED


def test_a_pruned_trial_that_reported_nothing_has_no_place_among_those_that_did() -> None:
    assert standing(trial(0, "pruned", runs=())) == OTHER


@given(TRIALS, st.randoms(use_true_random=False))
def test_a_rank_does_not_depend_on_the_order(trials: list[TrialRecord], chance: random.Random) -> None:
    shuffled = list(trials)
    chance.shuffle(shuffled)
    assert rank(shuffled) == rank(trials)
    assert ties(shuffled) == ties(trials)
    assert statement(shuffled) == statement(trials)
    assert sorted(each.number for each in rank(trials)) == [each.number for each in trials]


@given(TRIALS)
def test_within_a_group_accuracy_falls_and_equal_ones_keep_their_order(trials: list[TrialRecord]) -> None:
    ranked = rank(trials)
    for first, second in pairwise(ranked):
        assert standing(first) <= standing(second)
        if standing(first) == standing(second) != OTHER:
            better, worse = (summarise(each.runs).accuracy or 0 for each in (first, second))
            assert (better, -first.number) > (worse, -second.number)


@given(TRIALS)
def test_a_winner_is_trained_to_the_end(trials: list[TrialRecord]) -> None:
    if any(each.search_accuracy is not None for each in trials):
        assert winner(trials).search_accuracy is not None
    else:
        with pytest.raises(NothingFinished, match="no trial of this search has been trained to the end yet"):
            winner(trials)


@given(TRIALS)
def test_ties_are_known_of_the_other_finalists_and_no_one_else(trials: list[TrialRecord]) -> None:
    replicated = [each.number for each in rank(trials) if standing(each) == REPLICATED]
    assert list(ties(trials)) == replicated[1:]


NEAR = (0.90, 0.92, 0.91, 0.93, 0.92)
SAME = (0.91, 0.91, 0.92, 0.91, 0.92)
FAR = (0.70, 0.71, 0.70, 0.72, 0.71)


def test_ties_and_what_is_said_of_them() -> None:
    trials = [trial(20, finals=NEAR), trial(1, finals=SAME), trial(2, finals=FAR), trial(3), trial(4, "failed")]
    assert stdlib.fmean(NEAR) > stdlib.fmean(SAME)
    assert ties(trials) == {1: True, 2: False}
    assert statement(trials) == "alpha 1.2, beta 1, gamma 1 and one other cannot be told apart at 95 %."


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([trial(20, finals=NEAR), trial(2, finals=FAR)], "is better than the other finalist at 95 %."),
        (
            [trial(20, finals=NEAR), trial(2, finals=FAR), trial(3, finals=FAR)],
            "is better than each of the 2 other finalists at 95 %.",
        ),
        (
            [trial(20, finals=NEAR), *(trial(number, finals=SAME) for number in range(2, 9))],
            "and 7 others cannot be told apart at 95 %.",
        ),
        ([trial(20, finals=NEAR), trial(2)], "is the only finalist: there is nothing to compare it with."),
        ([trial(20)], "is the only trial that was trained to the end."),
        (
            [trial(20), trial(21, accuracy=0.5), trial(3, "pruned", 0.4)],
            (
                "came first of 2 on a single seed: without finals on common seeds the spread between seeds is unknown, "
                "and none of them can be told apart."
            ),
        ),
    ],
)
def test_statements(trials: list[TrialRecord], said: str) -> None:
    assert statement(trials) == f"alpha 1.2, beta 1, gamma 1 {said}"


def test_nothing_finished_is_said() -> None:
    assert "nothing to compare" in statement([trial(0, "running")])
    assert "nothing to compare" in statement([])


def test_one_image_of_difference_is_no_difference() -> None:
    first, second = trial(0, finals=(0.9, 0.8)), trial(1, finals=(0.9 - 1 / 360, 0.8 - 1 / 360))
    assert ties([first, second], quantum=1 / 360) == {1: True}
