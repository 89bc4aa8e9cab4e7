import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidScaling
from models.scaling.architecture import MAX_RESOLUTION
from models.scaling.baselines import EFFICIENTNET_B0, EFFICIENTNET_NANO, PAPER_COEFFICIENTS, from_table
from models.scaling.coefficients import Coefficients, DepthRounding, Multipliers
from models.scaling.cost import cost
from models.scaling.presets import Preset
from search.space.family import OFFICIAL, dropout_at, family, official_macs
from tests.models.scaling import golden

COEFFICIENTS = st.builds(Coefficients, st.floats(1, 1.4), st.floats(1, 1.3), st.floats(1, 1.2))


@pytest.mark.parametrize(("row", "official"), list(zip(golden.rows("efficientnet"), OFFICIAL, strict=True)))
def test_the_published_family(row: dict[str, str], official: Preset) -> None:
    assert official[:4] == (
        row["model"],
        float(row["width"]),
        float(row["depth"]),
        int(row["resolution"]),
    )
    assert dict(official_macs(1000))[official.name.upper()] == int(row["macs"])
    assert dropout_at(0.2, int(official.name[1:])) == official.dropout == float(row["dropout"])


def test_b0_is_the_baseline_and_phi_1_is_b2() -> None:
    rows = family(EFFICIENTNET_B0, PAPER_COEFFICIENTS)
    assert [row["name"] for row in rows] == [f"B{phi}" for phi in range(8)]
    assert (rows[0]["macs"], rows[0]["params"], rows[0]["macs_ratio"]) == (385_825_092, 5_288_548, 1.0)
    assert [row["closest_official"] for row in rows] == ["B0", "B2", "B3", "B4", "B4", "B5", "B6", "B7"]
    assert rows[1]["nominal_ratio"] == 1.92027
    assert rows[1]["macs_ratio"] == 2.572787


@settings(max_examples=40)
@given(COEFFICIENTS, st.sampled_from((1, 8, 32)), st.sampled_from((None, 1.5, 2.0)), st.sampled_from(("ceil", "round")))
def test_a_row_rebuilds_its_network_after_json(
    coefficients: Coefficients, multiple: int, solve: float | None, rounding: DepthRounding
) -> None:
    rows = family(
        EFFICIENTNET_NANO,
        coefficients,
        rounding=rounding,
        resolution_multiple=multiple,
        solve_ratio=solve,
    )
    for row in json.loads(json.dumps(rows)):
        at = Multipliers(row["depth"], row["width"], row["resolution"] / EFFICIENTNET_NANO.resolution)
        network = EFFICIENTNET_NANO.scale(at, rounding=rounding)
        assert row["resolution"] % multiple == 0
        assert {name: row[name] for name in ("depths", "widths", "stem", "head", "resolution")} == {
            name: network.document()[name] for name in ("depths", "widths", "stem", "head", "resolution")
        }
        real = cost(network)
        assert (row["params"], row["macs"], row["activations"]) == (real.params, real.macs, real.activations)
        exact = EFFICIENTNET_NANO.scale(coefficients.multipliers(row["phi"]), rounding=rounding)
        assert (row["depths"], row["widths"]) == (list(exact.depths), list(exact.widths))
        assert row["nominal_resolution"] == exact.resolution
        assert row["nominal_macs_ratio"] == pytest.approx(cost(exact).macs / rows[0]["macs"], abs=1e-6)
        if solve is None and multiple == 1:
            assert row["resolution"] == exact.resolution


@settings(max_examples=30)
@given(
    COEFFICIENTS, st.sampled_from((1, 8)), st.sampled_from((1.5, 2.0, 3.0)), st.sampled_from(("macs", "activations"))
)
def test_a_solved_row_is_as_near_to_its_target_as_any(
    coefficients: Coefficients, multiple: int, ratio: float, metric: str
) -> None:
    rows = family(EFFICIENTNET_NANO, coefficients, resolution_multiple=multiple, solve_ratio=ratio, metric=metric)
    assert rows[0]["resolution"] == EFFICIENTNET_NANO.resolution
    for row in rows[1:]:
        target = ratio ** row["phi"] * rows[0][metric]
        widths = (row["stem"], *row["widths"], row["head"])
        for pixels in (row["resolution"] - multiple, row["resolution"] + multiple):
            if 8 <= pixels <= MAX_RESOLUTION:
                other = cost(EFFICIENTNET_NANO.build(row["depths"], widths, pixels)).document()[metric]
                assert abs(other - target) >= abs(row[metric] - target)


def test_pinned_pixels_are_taken() -> None:
    (row,) = family(EFFICIENTNET_B0, PAPER_COEFFICIENTS, (1,), solve_ratio=2.0, pinned={1: 240})
    assert row["resolution"] == 240


def test_classes_count_on_both_sides() -> None:
    rows = family(EFFICIENTNET_B0, PAPER_COEFFICIENTS, classes=10)
    assert rows[0]["params"] == 4_020_358
    assert rows[0]["macs_ratio"] == 1.0
    assert rows[0]["closest_official"] == "B0"


def test_another_table_has_no_published_members() -> None:
    assert {row["closest_official"] for row in family(EFFICIENTNET_NANO, PAPER_COEFFICIENTS)} == {None}
    renamed = from_table({**EFFICIENTNET_B0.document(), "name": "mine"})
    assert family(renamed, PAPER_COEFFICIENTS, (1,))[0]["closest_official"] == "B2"


def test_dropout_starts_at_the_baselines() -> None:
    assert [row["dropout"] for row in family(EFFICIENTNET_NANO, PAPER_COEFFICIENTS)] == [
        0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4,
    ]  # fmt: skip
    assert dropout_at(0.7, 4) == 0.7


def test_what_cannot_be_built_is_said() -> None:
    with pytest.raises(InvalidScaling, match="depth multiplier must be a finite number"):
        family(EFFICIENTNET_B0, Coefficients(2, 1, 1), (7,))
