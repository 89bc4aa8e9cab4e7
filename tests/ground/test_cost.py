import math
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.baselines import EFFICIENTNET_B0, EFFICIENTNET_NANO
from models.cost import Cost, cost, layers, profile, squeezed
from models.scaling import Coefficients, Multipliers
from tests.ground import golden

UNITS = golden.facts("units")
STEPS = st.floats(1, 3, allow_nan=False)


def _published(row: dict[str, str]) -> Multipliers:
    return Multipliers(float(row["depth"]), float(row["width"]), int(row["resolution"]) / 224)


@pytest.mark.parametrize("row", golden.rows("efficientnet"), ids=lambda row: row["model"])
def test_every_number_of_b0_to_b7(row: dict[str, str]) -> None:
    network = EFFICIENTNET_B0.scale(_published(row))
    real = cost(network)
    statistics = sum(2 * layer.outputs for layer in layers(network) if layer.norm)
    last_map = math.isqrt(profile(network).areas(network.resolution)[-1])
    found = {
        "params": real.params,
        "bn_stats": statistics,
        "params_with_bn_stats": real.params + statistics,
        "macs": real.macs,
        "activations": real.activations,
        "receptive_field": real.receptive_field,
        "blocks": network.blocks,
        "stem": network.stem,
        "head": network.head,
        "resolution": network.resolution,
        "final_map": last_map,
    }
    assert found == {name: int(row[name]) for name in found}


@pytest.mark.parametrize("row", golden.rows("one_recipe_errors")[:6], ids=lambda row: row["model"])
def test_the_costs_beside_the_one_recipe_errors(row: dict[str, str]) -> None:
    published = next(known for known in golden.rows("efficientnet") if f"EN-{known['model'].upper()}" == row["model"])
    real = cost(EFFICIENTNET_B0.scale(_published(published)))
    assert (real.macs, real.params, real.activations) == tuple(int(row[n]) for n in ("macs", "params", "activations"))


@pytest.mark.parametrize("row", golden.rows("tinynet"), ids=lambda row: row["model"])
def test_tinynet_rounds_depth_and_keeps_the_stem(row: dict[str, str]) -> None:
    _, *widths, head = EFFICIENTNET_B0.widths_at(float(row["width"]))
    depths = EFFICIENTNET_B0.depths_at(float(row["depth"]), "round")
    real = cost(EFFICIENTNET_B0.build(depths, (32, *widths, max(1280, head)), int(row["resolution"])))
    assert (real.params, real.macs) == (int(row["params"]), int(row["macs"]))


@pytest.mark.parametrize("row", golden.rows("fast_scaling"), ids=lambda row: f"{row['rule']}-{row['flops_factor']}")
def test_fast_scaling(row: dict[str, str]) -> None:
    """pycls rounds widths to the nearest 8 without the 10 % rule; everything else is as here."""
    depths = EFFICIENTNET_B0.depths_at(float(row["depth"]), "round")
    channels = (32, *(stage.width for stage in EFFICIENTNET_B0.stages), 1280)
    widths = [max(8, int(channel * float(row["width"]) / 8 + 0.5) * 8) for channel in channels]
    assert " ".join(map(str, depths)) == row["depths"]
    assert " ".join(map(str, widths[1:-1])) == row["stage_widths"]
    real = cost(EFFICIENTNET_B0.build(depths, widths, int(row["resolution_px"])))
    base = cost(EFFICIENTNET_B0.scale(Multipliers(1, 1, 1)))
    assert real.params == int(row["params"])
    assert real.macs / base.macs == pytest.approx(float(row["macs_factor"]), abs=0.0051)
    assert real.activations / base.activations == pytest.approx(float(row["activations_factor"]), abs=0.0051)


@pytest.mark.parametrize("row", golden.rows("paper_ablations")[:5], ids=lambda row: f"d{row['depth']}-w{row['width']}")
def test_the_ablations_of_the_paper_with_the_official_rounding(row: dict[str, str]) -> None:
    at = Multipliers(*(float(row[name]) for name in ("depth", "width", "resolution")))
    assert round(cost(EFFICIENTNET_B0.scale(at)).macs / 1e9, 3) == float(row["gmacs_with_official_rounding"])


@pytest.mark.parametrize("classes", [10, 100])
def test_parameters_by_classes(classes: int) -> None:
    network = EFFICIENTNET_B0.scale(Multipliers(1, 1, 1), classes=classes)
    assert cost(network).params == int(UNITS[f"b0_params_{classes}_classes"])


@pytest.mark.parametrize("pixels", [32, 64, 128])
def test_macs_of_small_images(pixels: int) -> None:
    network = EFFICIENTNET_B0.scale(Multipliers(1, 1, pixels / 224), classes=10)
    assert cost(network).macs == int(UNITS[f"b0_macs_10cls_res{pixels}"])


def test_the_ten_percent_rule_is_in_b3() -> None:
    """Without it B3 has the count that is known from a port which left it out."""
    without = int(UNITS["b3_without_10pct_rule_params"])
    assert cost(EFFICIENTNET_B0.scale(Multipliers(1.4, 1.2, 300 / 224))).params == 12_233_232 != without
    stem, first, *rest = EFFICIENTNET_B0.widths_at(1.2)
    assert (stem, first) == (40, 24)
    assert cost(EFFICIENTNET_B0.build(EFFICIENTNET_B0.depths_at(1.4), (stem, 16, *rest), 300)).params == without


def test_the_published_coefficients_do_not_double_the_cost() -> None:
    real, base = (cost(EFFICIENTNET_B0.scale(Coefficients(1.2, 1.1, 1.15).at(phi))) for phi in (1, 0))
    assert f"{real.macs / base.macs:.3f}" == UNITS["macs_ratio_phi1_paper_triple_res258"]


def test_squeeze_and_excitation_counts_from_the_input_channels() -> None:
    assert (squeezed(16, 0.25), squeezed(3, 0.25), squeezed(30, 0.25)) == (4, 1, 7)


@given(STEPS, STEPS, STEPS, STEPS, st.sampled_from(("depth", "width", "resolution")))
def test_cost_never_falls(
    depth: float, width: float, resolution: float, further: float, axis: Literal["depth", "width", "resolution"]
) -> None:
    at = {"depth": depth, "width": width, "resolution": resolution}
    small = cost(EFFICIENTNET_NANO.scale(Multipliers(**at)))
    large = cost(EFFICIENTNET_NANO.scale(Multipliers(**{**at, axis: at[axis] * further})))
    assert all(low <= high for low, high in zip(small.document().values(), large.document().values(), strict=True))


@settings(max_examples=50)
@given(STEPS, STEPS, st.integers(8, 600))
def test_a_profile_is_the_cost_at_every_resolution(depth: float, width: float, pixels: int) -> None:
    network = EFFICIENTNET_B0.scale(Multipliers(depth, width, 1))
    widths = (network.stem, *network.widths, network.head)
    direct: Cost = cost(EFFICIENTNET_B0.build(network.depths, widths, pixels))
    assert profile(network).at(pixels) == direct
