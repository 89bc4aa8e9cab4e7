import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.errors import InvalidScaling
from models.scaling.coefficients import (
    MAX_MULTIPLIER,
    Coefficients,
    Multipliers,
    edge,
    round_depth,
    round_resolution,
    round_width,
    shortest_decimal,
)
from tests.models.scaling import golden

UNITS = golden.facts("units")
POSITIVE = st.floats(0.01, 60, allow_nan=False)


@pytest.mark.parametrize("fact", [fact for fact in UNITS if fact.startswith("round_filters")])
def test_widths_round_as_published(fact: str) -> None:
    channels, multiplier = fact.removeprefix("round_filters(").removesuffix(")").split("*")
    assert round_width(int(channels) * float(multiplier)) == int(UNITS[fact])


def test_the_published_product() -> None:
    assert Coefficients(1.2, 1.1, 1.15).product == float(UNITS["product_1.2_1.1_1.15"])


@given(st.floats(0.5, 60_000, allow_nan=False))
def test_a_rounded_width_is_a_multiple_of_8_near_and_never_10_percent_below(width: float) -> None:
    rounded = round_width(width)
    assert rounded % 8 == 0
    assert rounded >= 8
    assert rounded >= 0.9 * width
    assert rounded <= max(8, width / 0.9 + 8)


@given(POSITIVE, POSITIVE, st.integers(1, 500))
def test_rounding_never_falls_as_the_multiplier_rises(first: float, second: float, base: int) -> None:
    low, high = sorted((first, second))
    assert round_width(low * base) <= round_width(high * base)
    assert round_depth(low * base) <= round_depth(high * base)
    assert round_depth(low * base, "round") <= round_depth(high * base, "round")
    assert round_resolution(low * base) <= round_resolution(high * base)


@given(st.integers(1, 1000))
def test_whole_depths_stay(repeats: int) -> None:
    assert round_depth(float(repeats)) == round_depth(float(repeats), "round") == repeats


@given(st.floats(1, 3), st.floats(0, 1))
@example(1.1667, 0.1666)
@example(1.0, 0.0)
@example(2.926436451705562, 2.220446049250313e-16)
def test_the_shortest_decimal_lies_in_its_interval_and_none_is_shorter(low: float, width: float) -> None:
    high = low + width
    found = shortest_decimal(low, high)
    assert low <= found <= high
    digits = len(repr(found).split(".")[1])
    if digits > 1:
        unit = 10.0 ** (digits - 1)
        assert not math.ceil(low * unit) / unit <= high or math.ceil(low * unit) / unit < low


@given(st.floats(1, 50), st.floats(1, 50), st.floats(1, 50))
def test_an_edge_is_the_last_float_that_holds(inside: float, outside: float, step: float) -> None:
    def same(value: float) -> bool:
        return value <= step if outside > inside else value >= step

    if not same(inside):
        return
    last = edge(inside, outside, same)
    assert same(last)
    if last == outside:
        assert same(outside)
    else:
        assert not same(math.nextafter(last, outside))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 1.1, 1.1), "alpha must be a finite positive number, got 0"),
        ((1.2, math.nan, 1.1), "beta must be a finite positive number"),
        ((1.2, 1.1, math.inf), "gamma must be a finite positive number"),
    ],
)
def test_coefficients_quote_their_law_and_the_value(arguments: tuple[float, ...], said: str) -> None:
    with pytest.raises(InvalidScaling, match=said):
        Coefficients(*arguments)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, MAX_MULTIPLIER * 1.001])
def test_multipliers_are_bounded(value: float) -> None:
    with pytest.raises(InvalidScaling, match="width multiplier must be a finite number"):
        Multipliers(1, value, 1)


@pytest.mark.parametrize("phi", [math.nan, math.inf, 1e9, -1e9])
def test_phi_out_of_range(phi: float) -> None:
    with pytest.raises(InvalidScaling):
        Coefficients(1.2, 1.1, 1.15).multipliers(phi)


@given(st.floats(0, 7))
def test_coefficients_of_one_scale_nothing(phi: float) -> None:
    assert Coefficients(1, 1, 1).multipliers(phi) == Multipliers(1, 1, 1)


def test_depth_is_alpha_and_width_is_beta() -> None:
    at: Any = Coefficients(1.2, 1.1, 1.15).multipliers(2)
    assert (at.depth, at.width, at.resolution) == (1.2**2, 1.1**2, 1.15**2)


@given(st.floats(0.5, 2), st.floats(-3, 3))
def test_a_negative_phi_scales_down(value: float, phi: float) -> None:
    up, down = (Coefficients(value, 1, 1).multipliers(sign * phi).depth for sign in (1, -1))
    assert up * down == pytest.approx(1)


@pytest.mark.parametrize(("arguments", "paper"), [((1, 1, 1), True), ((1.2, 0.99, 1.1), False)])
def test_the_papers_condition_is_a_property(arguments: tuple[float, ...], paper: bool) -> None:
    assert Coefficients(*arguments).at_least_one is paper
