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
        ((*PAPER, "--phi", "-1"), "at least 0"),
        (("--alpha", "inf", "--beta", "1", "--gamma", "1", "--phi", "1"), "alpha must be a finite number"),
        (("--alpha", "0.99", "--beta", "1", "--gamma", "1", "--phi", "1"), "at least 1"),
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


@pytest.mark.parametrize("steps", ["", "a", "3..1", "-1..2", "0..99", "1.5", "0..9999999999999"])
def test_a_range_of_steps_that_makes_no_sense(effscale: Effscale, steps: str) -> None:
    done = effscale("family", "efficientnet-b0", *PAPER, f"--phi={steps}")
    assert done.status == 2
    assert "--phi" in done.err
