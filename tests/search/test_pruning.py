import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.pruning import rungs, should_stop
from tests.search.records import ACCURACY, spec

ASHA = spec(recipe={"epochs": 20}, pruner={"name": "asha", "min_epochs": 2, "reduction_factor": 3})
MEDIAN = spec(recipe={"epochs": 8}, pruner={"name": "median", "min_epochs": 3})
NEVER = spec(pruner={"name": "none"})


def test_rungs() -> None:
    assert rungs(ASHA) == (2, 6, 18)
    assert rungs(spec(recipe={"epochs": 18}, pruner={"min_epochs": 2})) == (2, 6)
    assert rungs(MEDIAN) == (3, 4, 5, 6, 7)
    assert rungs(NEVER) == ()
    assert rungs(spec(recipe={"epochs": 2}, pruner={"min_epochs": 2})) == ()


@pytest.mark.parametrize(
    ("value", "others", "stops"),
    [
        (0.1, [], False),  # the first of a rung is the best of it
        (0.1, [0.2], True),
        (0.2, [0.2], False),  # equal ones pass together
        (0.5, [0.9, 0.8], True),
        (0.8, [0.9, 0.7, 0.6], False),  # ceil(4 / 3) = 2 pass
        (0.6, [0.9, 0.7, 0.8], True),
    ],
)
def test_asha_keeps_one_in_three(value: float, others: list[float], stops: bool) -> None:
    assert should_stop(ASHA, 6, value, {6: others, 2: [1.0] * 50}) is stops


@given(st.lists(ACCURACY, min_size=1, max_size=60), st.integers(2, 6))
def test_asha_keeps_its_share_whoever_asks_last(values: list[float], factor: int) -> None:
    search = spec(pruner={"min_epochs": 2, "reduction_factor": factor})
    kept = [
        value
        for at, value in enumerate(values)
        if not should_stop(search, 2, value, {2: values[:at] + values[at + 1 :]})
    ]
    share = math.ceil(len(values) / factor)
    best = sorted(values, reverse=True)[:share]
    assert sorted(kept, reverse=True)[:share] == best
    assert all(value == best[-1] for value in sorted(kept, reverse=True)[share:])


@pytest.mark.parametrize(
    ("epoch", "value", "others", "stops"),
    [
        (3, 0.1, [0.2, 0.3, 0.4], False),
        (3, 0.1, [0.2, 0.3, 0.4, 0.5], True),
        (3, 0.35, [0.2, 0.3, 0.4, 0.5], False),
        (2, 0.1, [0.2, 0.3, 0.4, 0.5], False),
        (8, 0.1, [0.2, 0.3, 0.4, 0.5], False),
    ],
)
def test_median(epoch: int, value: float, others: list[float], stops: bool) -> None:
    assert should_stop(MEDIAN, epoch, value, {epoch: others}) is stops


@given(st.integers(1, 20), ACCURACY, st.lists(ACCURACY, max_size=10))
def test_nothing_is_stopped_between_rungs_nor_a_reference_nor_a_final_run(
    epoch: int, value: float, others: list[float]
) -> None:
    seen = {epoch: others}
    assert not should_stop(NEVER, epoch, value, seen)
    assert not should_stop(ASHA, epoch, value, seen, reference=True)
    assert not should_stop(ASHA, epoch, value, seen, role="final")
    assert epoch in (2, 6, 18) or not should_stop(ASHA, epoch, value, seen)


def test_what_is_no_number_is_stopped() -> None:
    assert should_stop(ASHA, 2, math.nan, {2: []})
    assert should_stop(MEDIAN, 3, math.nan, {3: [0.1] * 4})
