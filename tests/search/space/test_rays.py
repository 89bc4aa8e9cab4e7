"""The network nearest to a ray: its real cost, its distance against all others, and what stays as it was."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scaling.baselines import EFFICIENTNET_B0, EFFICIENTNET_NANO, RESNET_NANO, TINYNET
from models.scaling.coefficients import Coefficients
from models.scaling.cost import cost
from search.space.multipliers import shares_of
from search.space.rays import RayPoint, nearest_to_ray

THIRDS = (1 / 3, 1 / 3, 1 / 3)
TOLERANCE = 0.05
positive = st.floats(0.05, 1)


@st.composite
def divided(draw: st.DrawFn) -> tuple[float, float, float]:
    """Shares that add up to 1."""
    parts = [draw(positive) for _ in range(3)]
    return parts[0] / sum(parts), parts[1] / sum(parts), parts[2] / sum(parts)


def near(shares: tuple[float, float, float], ratio: float, **options: object) -> RayPoint:
    """On efficientnet-nano in steps of 8 px."""
    chosen = {"tolerance": TOLERANCE, "classes": 10, "resolution_multiple": 8, **options}
    found = nearest_to_ray(EFFICIENTNET_NANO, shares, ratio, **chosen)  # type: ignore[arg-type]
    assert found is not None
    return found


@settings(max_examples=25, deadline=None)
@given(
    divided(),
    st.floats(0.2, 16),
    st.sampled_from(["macs", "params", "activations"]),
    st.sampled_from([EFFICIENTNET_NANO, RESNET_NANO, EFFICIENTNET_B0, TINYNET]),
    st.sampled_from([-2.0, 0.5, 1.0, 3.0]),
)
def test_the_cost_is_real_and_the_coefficients_give_the_network(shares, ratio, metric, baseline, phi):
    found = nearest_to_ray(
        baseline, shares, ratio, tolerance=TOLERANCE, metric=metric, classes=baseline.classes, phi=phi
    )
    assert found is not None
    real = getattr(cost(found.network), metric) / getattr(cost(baseline.unscaled()), metric)
    assert found.ratio == pytest.approx(real)
    assert found.within == (ratio * (1 - TOLERANCE) <= real <= ratio * (1 + TOLERANCE))
    assert baseline.scale(found.coefficients.multipliers(phi)).key == found.network.key
    assert found.network.resolution >= baseline.smallest_resolution


@settings(max_examples=20, deadline=None)
@given(st.floats(1.05, 1.6), st.floats(1.0, 1.4), st.floats(1.0, 1.4), st.integers(-2, 4))
def test_a_network_of_the_ray_that_costs_what_is_wanted_is_taken(alpha, beta, gamma, phi):
    coefficients = Coefficients(alpha, beta, gamma)
    published = EFFICIENTNET_B0.scale(coefficients.multipliers(phi))
    ratio = cost(published).macs / cost(EFFICIENTNET_B0.unscaled()).macs
    found = nearest_to_ray(EFFICIENTNET_B0, shares_of(coefficients), ratio, tolerance=0.02, classes=1000)
    assert found is not None
    assert found.within
    assert found.distance < 0.02  # half a pixel of the published network's own


def test_nothing_within_the_tolerance_is_nearer():
    """By hand: the networks of thirds at twice the cost, resolution by resolution."""
    found = near(THIRDS, 2.0)
    others = [near(THIRDS, 2.0, resolution_multiple=multiple) for multiple in (16, 24, 32)]
    assert found.within
    assert found.distance <= min(other.distance for other in others if other.within)
    finer = near(THIRDS, 2.0, resolution_multiple=1)
    assert finer.distance <= found.distance


@pytest.mark.parametrize("ratio", [0.5, 2.0, 4.0])
def test_a_single_dimension_leaves_the_others_as_they_are(ratio):
    plain = EFFICIENTNET_NANO.unscaled()
    deeper, wider, larger = (near(shares, ratio).network for shares in ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    assert deeper.widths == plain.widths
    assert deeper.resolution == plain.resolution
    assert deeper.depths != plain.depths
    assert wider.depths == plain.depths
    assert wider.resolution == plain.resolution
    assert wider.widths != plain.widths
    assert (larger.depths, larger.widths, larger.stem) == (plain.depths, plain.widths, plain.stem)


def test_the_others_round_too_unless_they_are_held() -> None:
    held, free = (near((0, 1, 0), 0.5, hold=hold) for hold in (True, False))
    assert not held.within
    assert free.within
    assert free.distance > 0


def test_where_nothing_lies_within_the_tolerance_the_nearest_in_cost_is_marked():
    found = near((0, 0, 1), 2.0)
    assert not found.within
    assert found.network.resolution == 48
    assert found.ratio == pytest.approx(2.2368, abs=1e-4)


def test_the_baseline_itself_is_nearest_at_its_own_cost():
    found = near(THIRDS, 1.0)
    assert found.network.key == EFFICIENTNET_NANO.unscaled().key
    assert found.coefficients == Coefficients(1.0, 1.0, 1.0)
    assert found.distance == 0


def test_larger_images_add_no_parameters():
    assert nearest_to_ray(EFFICIENTNET_NANO, (0, 0, 1), 2, tolerance=0.05, metric="params", classes=10) is None


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"shares must add up to 1 .* got \(1, 1, 0\)"):
        near((1, 1, 0), 2.0)


def test_the_shares_of_coefficients():
    assert shares_of(Coefficients(2, 1, 1)) == (1, 0, 0)
    assert shares_of(Coefficients(2, math.sqrt(2), math.sqrt(2))) == pytest.approx(THIRDS)
    assert shares_of(Coefficients(1, 1, 1)) is None
