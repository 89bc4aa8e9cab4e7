import math
import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from search.results.rank_correlation import chance_of, tau_b, tau_interval

VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=9)


@given(VALUES)
def test_tau_b_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    found, expected = tau_b(first, second), kendalltau(first, second).statistic
    assert found is None if math.isnan(expected) else found == pytest.approx(expected)


@given(VALUES)
def test_tau_b_is_symmetric_and_turns_round(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    assert tau_b(first, second) == tau_b(second, first)
    turned = tau_b(first, [-value for value in second])
    assert turned is None or turned == -(tau_b(first, second) or 0)


def test_of_one_thing_or_none_there_is_no_ranking() -> None:
    assert tau_b([], []) is None
    assert tau_b([1.0], [2.0]) is None


def test_the_chance_of_an_order_is_counted_over_all_orders() -> None:
    second = (1, 3, 2, 4)
    as_good = sum((tau_b(range(4), order) or 0) >= (tau_b(range(4), second) or 0) for order in permutations(second))
    assert chance_of(range(4), second, seed=0) == as_good / 24
    assert chance_of([1, 1, 1], [1, 2, 3], seed=0) == 1


def test_the_chance_among_many_is_near_what_it_is_and_never_nothing() -> None:
    first = list(range(9))
    assert 0 < chance_of(first, first, seed=1) < 0.001
    assert chance_of(first, first[::-1], seed=1) == 1


def by_seed(*rows: tuple[float, ...]) -> dict[int, dict[int, float]]:
    return {number: dict(enumerate(row, start=1)) for number, row in enumerate(rows)}


def test_where_no_seed_changes_the_order_the_interval_is_a_point() -> None:
    here = by_seed((0.90, 0.91), (0.80, 0.81), (0.70, 0.71))
    assert tau_interval(here, here, seed=0) == (1.0, 1.0)


def test_noise_widens_the_interval_and_the_same_seed_gives_it_again() -> None:
    chance = random.Random(3)
    here, there = (by_seed(*(tuple(chance.random() for _ in range(4)) for _ in range(4))) for _ in range(2))
    low, high = tau_interval(here, there, seed=5) or (0, 0)
    assert -1 <= low < high <= 1
    assert tau_interval(here, there, seed=5) == (low, high)


def test_one_common_seed_says_nothing_of_the_spread() -> None:
    here = by_seed((0.90, 0.91), (0.80, 0.81))
    assert tau_interval(here, {0: {1: 0.9}, 1: {1: 0.8, 2: 0.9}}, seed=0) is None
