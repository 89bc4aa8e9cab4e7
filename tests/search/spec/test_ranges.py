"""Targets in numbers: absolute costs and ceilings, and where a space begins and ends when it says nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scaling.anatomy import memory
from models.scaling.baselines import BASELINES, EFFICIENTNET_NANO
from models.scaling.cost import cost
from search.spec.ranges import measured
from search.spec.spec import SearchSpec
from tests.search.records import spec

BASE = cost(EFFICIENTNET_NANO.unscaled(10))
UP, DOWN, BOTH = ([1.0, 1.5], [0.666667, 1.0], [0.666667, 1.5])


@pytest.mark.parametrize(
    ("fields", "beta"),
    [
        ({}, UP),
        ({"target": {"ratio": 1.02}}, UP),
        ({"target": {"ratio": 0.5}}, DOWN),
        ({"target": {"ratio": 1.0}}, BOTH),
        ({"phi": -1}, UP),
        ({"phi": -1, "target": {"ratio": 2.0}}, DOWN),
        ({"target": {"value": BASE.macs}}, BOTH),
        ({"target": {"value": 3.0 * BASE.macs}}, UP),
        ({"target": {"metric": "params", "at_most": BASE.params * 0.9}}, DOWN),
        ({"target": {"metric": "params", "at_most": BASE.params * 1.1}}, BOTH),
        ({"target": {"ratio": 0.5}, "space": {"beta": [0.5, 1.25]}}, [0.5, 1.25]),
    ],
)
def test_bounds_that_are_left_out_follow_from_the_target(fields: dict[str, object], beta: list[float]) -> None:
    found = spec(**fields)
    assert found.space.beta == beta
    again = SearchSpec.model_validate(found.document())
    assert again.document() == found.document()
    assert again.cost_range == found.cost_range


def test_an_absolute_cost_and_a_ceiling_are_ratios_too() -> None:
    absolute, ceiling = spec(target={"value": 2 * BASE.macs}), spec(target={"at_most": 2 * BASE.macs})
    assert absolute.ratio == ceiling.ratio == 2
    assert absolute.cost_range == pytest.approx((1.9, 2.1))
    assert ceiling.cost_range == pytest.approx((1.6, 2))
    assert absolute.document()["target"]["ratio"] is None


@settings(max_examples=20)
@given(st.sampled_from(sorted(BASELINES)), st.integers(1, 512))
def test_bytes_are_those_of_the_memory_estimate(name: str, batch: int) -> None:
    network = BASELINES[name].unscaled()
    counts, needs = cost(network), memory(network)
    assert measured("memory_bytes", counts, batch) == needs.training_state + batch * needs.training_per_image
    assert measured("weight_bytes", counts, batch) == 4 * counts.params
