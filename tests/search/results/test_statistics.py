import math
import statistics as stdlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.results.statistics import holm, paired_difference, separable, t_interval
from tests.search.records import ACCURACY

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=20)


def test_the_t_quantile_is_students() -> None:
    """2.776 for five values, from any printed table."""
    low, high = t_interval([0.0, 0.0, 0.0, 0.0, 5.0]) or (0, 0)
    assert (high - low) / 2 == pytest.approx(2.776445 * math.sqrt(5) / math.sqrt(5), rel=1e-6)


def test_one_value_has_no_interval() -> None:
    assert t_interval([]) is t_interval([0.9]) is None


@given(VALUES)
def test_an_interval_surrounds_its_mean_and_grows_with_confidence(values: list[float]) -> None:
    narrow, wide = t_interval(values, 0.8), t_interval(values, 0.99)
    assert narrow is not None
    assert wide is not None
    assert wide[0] <= narrow[0] <= stdlib.fmean(values) <= narrow[1] <= wide[1]


@given(st.dictionaries(st.integers(0, 9), ACCURACY), st.dictionaries(st.integers(0, 9), ACCURACY))
def test_a_difference_turned_round_is_its_negative(first: dict[int, float], second: dict[int, float]) -> None:
    found, back = paired_difference(first, second), paired_difference(second, first)
    if len(first.keys() & second.keys()) < 2:
        assert found is back is None
        return
    assert found is not None
    assert back is not None
    assert found.mean == pytest.approx(-back.mean)
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low))
    assert 0 <= found.p_value <= 1
    if abs(found.p_value - 0.05) > 1e-6:
        assert (found.low <= 0 <= found.high) == (found.p_value >= 0.05)


def test_pairing_by_seed_takes_the_seeds_own_part_out() -> None:
    first = {1: 0.90, 2: 0.80, 3: 0.95, 4: 0.85}
    second = {seed: value - 0.02 - seed / 10_000 for seed, value in first.items()}
    found = paired_difference(first, second)
    assert found is not None
    assert found.p_value < 0.001
    assert found.low > 0.01


def test_the_same_single_image_on_both_seeds_is_no_proof() -> None:
    first, second = {1: 0.9, 2: 0.8}, {1: 0.9 - 1 / 360, 2: 0.8 - 1 / 360}
    found = paired_difference(first, second, quantum=1 / 360)
    assert found is not None
    assert found.p_value > 0.05


def test_equal_runs_do_not_differ() -> None:
    found = paired_difference({1: 0.5, 2: 0.75}, {1: 0.5, 2: 0.75})
    assert found is not None
    assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_holm_is_between_bonferroni_and_nothing() -> None:
    assert holm({1: 0.01, 2: 0.02, 3: 0.04}) == {1, 2, 3}
    assert holm({1: 0.01, 2: 0.03, 3: 0.04}) == {1}
    assert holm({1: 0.03, 2: 0.03}) == frozenset()
    assert holm({}) == frozenset()


def test_too_few_common_seeds_cannot_tell() -> None:
    assert separable({1: 0.9, 2: 0.91}, {7: {2: 0.1}}) == frozenset()


def test_many_comparisons_need_more_than_one() -> None:
    """A difference that stands alone does not when it is one of twenty."""
    winner = {1: 0.90, 2: 0.91, 3: 0.92}
    other = {1: 0.88, 2: 0.895, 3: 0.898}
    same = dict(winner)
    assert separable(winner, {0: other}) == {0}
    assert separable(winner, {0: other, **dict.fromkeys(range(1, 20), same)}) == frozenset()
