"""`effscale scale` and `effscale family` against the published networks, and against nonsense."""

import csv
from pathlib import Path

import pytest

from tests.service.cli.conftest import Effscale

GOLDEN = Path(__file__).parents[2] / "golden" / "efficientnet.csv"
with GOLDEN.open() as lines:
    ROWS = list(csv.DictReader(line for line in lines if not line.startswith("#")))
PAPER = ("--alpha", "1.2", "--beta", "1.1", "--gamma", "1.15")


@pytest.mark.parametrize("row", ROWS, ids=[row["model"] for row in ROWS])
def test_published_networks_and_their_costs(effscale: Effscale, row: dict[str, str]) -> None:
    multipliers = ("--depth", row["depth"], "--width", row["width"], "--resolution", row["resolution"])
    done = effscale("scale", "efficientnet-b0", *multipliers, "--json")
    assert done.status == 0, done.err
    network, cost = done.document["architecture"], done.document["cost"]
    assert (network["stem"], network["head"]) == (int(row["stem"]), int(row["head"]))
    assert sum(network["depths"]) == int(row["blocks"])
    assert network["resolution"] == int(row["resolution"])
    assert network["classes"] == 1000
    for name in ("params", "macs", "activations", "receptive_field"):
        assert cost[name] == int(row[name]), name
    assert cost["macs_ratio"] == pytest.approx(int(row["macs"]) / int(ROWS[0]["macs"]), rel=1e-6)


def test_the_paper_s_coefficients(effscale: Effscale) -> None:
    done = effscale("scale", "efficientnet-b0", *PAPER, "--phi", "1", "--json")
    network = done.document["architecture"]
    assert network["depths"] == [2, 3, 3, 4, 4, 5, 2]
    assert network["widths"] == [16, 24, 48, 88, 120, 208, 352]
    assert network["resolution"] == 258
    assert done.err == ""


def test_classes_change_the_classifier_and_not_the_ratio_s_meaning(effscale: Effscale) -> None:
    at_one = ("--depth", "1", "--width", "1", "--resolution", "224")
    cost = effscale("scale", "efficientnet-b0", *at_one, "--classes", "10", "--json").document["cost"]
    assert cost["macs_ratio"] == 1.0
    assert cost["params"] == int(ROWS[0]["params"]) - 990 * 1281


def test_a_receptive_field_smaller_than_the_input_is_warned_of(effscale: Effscale) -> None:
    done = effscale("scale", "efficientnet-nano", "--depth", "1", "--width", "1", "--resolution", "512")
    assert done.status == 0
    assert "receptive field" in done.err
    assert "512 px" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "how far? Give --alpha"),
        (("--alpha", "1.2", "--depth", "2"), "cannot be mixed"),
        (("--alpha", "1.2", "--beta", "1.1", "--gamma", "1.1"), "--phi missing"),
        (("--depth", "1.2", "--width", "1"), "--resolution missing"),
        ((*PAPER, "--phi", "nan"), "phi must be a finite number"),
        ((*PAPER, "--phi", "1e308"), "phi"),
        (("--alpha", "inf", "--beta", "1", "--gamma", "1", "--phi", "1"), "alpha must be a finite positive number"),
        (("--alpha", "0", "--beta", "1", "--gamma", "1", "--phi", "1"), "alpha must be a finite positive number"),
        (("--depth", "nan", "--width", "1", "--resolution", "224"), "depth multiplier"),
        (("--depth", "0", "--width", "1", "--resolution", "224"), "depth multiplier"),
        (("--depth", "1", "--width", "65", "--resolution", "224"), "width multiplier"),
        (("--depth", "1", "--width", "1", "--resolution", "7"), "8 to 8192"),
        (("--depth", "1", "--width", "1", "--resolution", "999999999999999999999"), "8 to 8192"),
        (("--depth", "1", "--width", "1", "--resolution", "22.5"), "--resolution"),
        (("--depth", "1", "--width", "1", "--resolution", "224", "--classes", "0"), "--classes"),
        ((*PAPER, "--phi", "1", "--depth-rounding", "floor"), "--depth-rounding"),
    ],
)
def test_nonsense_is_bad_usage_with_a_message(effscale: Effscale, arguments: tuple[str, ...], said: str) -> None:
    done = effscale("scale", "efficientnet-b0", *arguments)
    assert done.status == 2
    assert said in done.err
    assert done.out == ""


def test_an_unknown_baseline_names_those_there_are(effscale: Effscale) -> None:
    done = effscale("scale", "resnet-1", *PAPER, "--phi", "1")
    assert done.status == 2
    assert "efficientnet-b0" in done.err


def test_the_family_has_a_row_for_each_step(effscale: Effscale) -> None:
    done = effscale("family", "efficientnet-b0", *PAPER, "--phi", "0..3", "--json")
    rows = done.document["family"]
    assert [row["name"] for row in rows] == ["B0", "B1", "B2", "B3"]
    assert rows[0]["macs_ratio"] == 1.0
    assert rows[1]["nominal_ratio"] == pytest.approx(1.92027)


@pytest.mark.parametrize("steps", ["", "a", "3..1", "-99..-98", "0..99", "1.5", "0..9999999999999"])
def test_a_range_of_steps_that_makes_no_sense(effscale: Effscale, steps: str) -> None:
    done = effscale("family", "efficientnet-b0", *PAPER, f"--phi={steps}")
    assert done.status == 2
    assert "phi " in done.err


def test_a_negative_phi_scales_down(effscale: Effscale) -> None:
    down = effscale("scale", "efficientnet-b0", *PAPER, "--phi", "-1", "--json").document
    assert down["architecture"]["resolution"] == 195
    assert down["cost"]["macs_ratio"] == pytest.approx(0.7816, abs=1e-4)  # half a block is a whole one
    same = ("--alpha", "0.833333", "--beta", "0.909091", "--gamma", "0.869565", "--phi", "1", "--json")
    assert effscale("scale", "efficientnet-b0", *same).document["architecture"] == down["architecture"]


def test_a_map_of_less_than_a_pixel_is_marked(effscale: Effscale) -> None:
    done = effscale("scale", "efficientnet-b0", "--depth", "1", "--width", "1", "--resolution", "16")
    assert done.status == 0
    assert "less than one pixel: 16 px of input are below the total stride of 32" in done.err


def test_a_family_is_published_or_solved_and_reaches_below_the_baseline(effscale: Effscale) -> None:
    given = ("family", "efficientnet-b0", *PAPER, "--phi", "-2..4", "--json")
    published, solved = effscale(*given).document, effscale(*given, "--as", "solved", "--ratio", "2").document
    names = ["B-2", "B-1", "B0", "B1", "B2", "B3", "B4"]
    assert [row["name"] for row in published["family"]] == [row["name"] for row in solved["family"]] == names
    assert "within" not in published["family"][0]
    assert (published["as"], published["ratio"], solved["as"], solved["ratio"]) == ("published", None, "solved", 2)
    for row in solved["family"]:
        assert row["within"]
        assert row["macs_ratio"] == pytest.approx(2 ** row["phi"], rel=0.05)
    assert effscale(*given, "--as", "solved").document["ratio"] == pytest.approx(1.92027)
    assert "wanted_ratio" in effscale(*given[:-1], "--as", "solved", "--wide").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*PAPER, "--ratio", "2"), "a ratio is for a family that is solved"),
        ((*PAPER, "--as", "solved", "--ratio", "1"), "and not by 1, got 1.0"),
        ((*PAPER, "--as", "solved", "--ratio", "0.5"), "give coefficients that grow where the ratio does"),
        (("--alpha", "1", "--beta", "1", "--gamma", "1", "--as", "solved"), "and not by 1, got 1.0"),
    ],
)
def test_a_family_that_cannot_be_solved_is_bad_usage(effscale: Effscale, arguments: tuple[str, ...], said: str) -> None:
    done = effscale("family", "efficientnet-b0", *arguments)
    assert done.status == 2
    assert said in done.err
