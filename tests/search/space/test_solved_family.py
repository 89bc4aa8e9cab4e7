"""A family that follows its coefficients: real costs, the distance from the ray, both directions, and old exports."""

import json
import random

import pytest

from models.scaling.baselines import EFFICIENTNET_B0, EFFICIENTNET_NANO, PAPER_COEFFICIENTS
from models.scaling.coefficients import Coefficients, Multipliers
from models.scaling.cost import cost
from search.space import catalogue
from search.space.family import by_resolution, family
from search.space.rays import distance_from_ray
from search.space.solved_family import PHIS, Growth, Rule, growth_of, ray, searched_family, solved_family
from search.spec.spec import SearchSpec
from service.operations.demo_spec import saturated_spec
from tests.search.records import spec

TOLERANCE = 0.05


def rule(coefficients: Coefficients, ratio: float = 2.0) -> Rule:
    return Rule(EFFICIENTNET_B0, coefficients, Growth("macs", ratio), 1000, ray(coefficients, ratio))


def triple(seed: int) -> Coefficients:
    """Random shares of twice the cost."""
    draw = random.Random(seed)
    parts = [draw.random() for _ in range(3)]
    depth, width, size = (2 ** (part / sum(parts)) for part in parts)
    return Coefficients(depth, width**0.5, size**0.5)


def behind(coefficients: Coefficients) -> list[str]:
    """What is wrong with the family of a triple, member by member: its cost, or its distance from the ray."""
    asked, wrong = rule(coefficients), []
    rows = {row["phi"]: row for row in solved_family(asked, PHIS)}
    for phi in PHIS:
        row = rows.get(phi)
        if row is None or not row["within"]:
            wrong.append(f"{coefficients} at {phi}: {row and row['ratio']}")
            continue
        nominal = EFFICIENTNET_B0.scale(coefficients.multipliers(phi))
        larger = family(EFFICIENTNET_B0, coefficients, (phi,), solve_ratio=2.0)[0]
        other = EFFICIENTNET_B0.build(
            nominal.depths, (nominal.stem, *nominal.widths, nominal.head), larger["resolution"], classes=1000
        )
        # the same tolerance is open to both; the network that resolution alone gives is one of those to choose from
        if abs(larger["macs_ratio"] / 2**phi - 1) > TOLERANCE or asked.shares is None:
            continue
        alone = distance_from_ray(EFFICIENTNET_B0, asked.shares, other)
        if row["distance"] > alone + 1e-6:
            wrong.append(f"{coefficients} at {phi}: {row['distance']} is farther than {alone}")
    return wrong


@pytest.mark.parametrize("seed", range(4))
def test_members_cost_what_their_phi_says_and_are_no_farther_from_the_ray_than_resolution_alone(seed: int) -> None:
    assert behind(triple(seed)) == []


def test_no_dimension_is_left_behind() -> None:
    """With coefficients of depth and width alone, the resolution stays and they grow."""
    rows = solved_family(rule(Coefficients(1.3, 1.2, 1.0)), PHIS)
    assert [row["phi"] for row in rows] == list(PHIS)
    assert all(row["within"] for row in rows)
    assert {row["resolution"] for row in rows} <= {224, 225}
    assert rows[-1]["depth"] > 7
    assert rows[-1]["width"] > 4


def test_a_shipped_spec_has_families_within_its_tolerance() -> None:
    """Also where width alone could not meet the cost: the other two dimensions round freely."""
    asked = SearchSpec.model_validate(saturated_spec(12))
    feasible = catalogue.of(asked).feasible
    width_alone = [one for one in feasible if one.coefficients.alpha == one.coefficients.gamma == 1]
    for candidate in (*feasible[::6], *width_alone[:1]):
        winner = catalogue.architecture(asked, candidate)
        rows = searched_family(asked.network, candidate.coefficients, winner, asked.document())
        assert [row["phi"] for row in rows] == list(PHIS)
        assert all(row["within"] for row in rows), candidate


def test_a_row_builds_its_network() -> None:
    for row in json.loads(json.dumps(solved_family(rule(PAPER_COEFFICIENTS), PHIS))):
        network = EFFICIENTNET_B0.scale(Multipliers(row["depth"], row["width"], row["resolution"] / 224))
        assert (list(network.depths), list(network.widths)) == (row["depths"], row["widths"])
        assert cost(network).macs == row["macs"]
        assert row["ratio"] == row["macs_ratio"]


def test_a_search_for_half_of_b0_has_members_at_a_quarter() -> None:
    asked = spec(baseline="efficientnet-b0", target={"ratio": 0.5})
    for candidate in catalogue.of(asked).feasible[::40]:
        winner = catalogue.architecture(asked, candidate)
        rows = {
            row["phi"]: row for row in searched_family(asked.network, candidate.coefficients, winner, asked.document())
        }
        assert rows[1]["macs"] == cost(winner).macs
        assert rows[2]["within"]
        assert rows[2]["ratio"] == pytest.approx(0.25, rel=TOLERANCE)
        assert rows[-1]["ratio"] == pytest.approx(2, rel=TOLERANCE)
        assert rows[0]["ratio"] == 1


def test_phi_minus_1_and_minus_2_of_b0_are_a_half_and_a_quarter() -> None:
    rows = {row["phi"]: row for row in solved_family(rule(PAPER_COEFFICIENTS), PHIS)}
    assert rows[-1]["macs_ratio"] == pytest.approx(0.5, rel=TOLERANCE)
    assert rows[-2]["macs_ratio"] == pytest.approx(0.25, rel=TOLERANCE)


def test_a_family_ends_where_nothing_smaller_can_be_built() -> None:
    known = Rule(EFFICIENTNET_NANO, Coefficients(1.3, 1.1, 1.1), Growth("macs", 8.0), 10, (0.4, 0.3, 0.3), None, 8)
    rows = solved_family(known, range(-6, 2))
    assert rows[0]["phi"] > -6
    assert not rows[0]["within"]
    assert len({(tuple(row["depths"]), tuple(row["widths"]), row["resolution"]) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("target", "metric", "ratio"),
    [
        ({}, "macs", 2.0),
        ({"metric": "params", "ratio": 1.5}, "params", 1.5),
        ({"metric": "weight_bytes", "value": 4 * 150_000, "tolerance": 0.2}, "params", None),
        ({"metric": "product", "ratio": 1.5}, "macs", None),
        ({"metric": "memory_bytes", "ratio": 1.5}, "macs", None),
        ({"at_most": 5_000_000}, "macs", None),
    ],
)
def test_a_search_s_family_grows_by_what_was_asked_for(
    target: dict[str, object], metric: str, ratio: float | None
) -> None:
    asked = spec(target=target)
    candidate = next(one for one in catalogue.of(asked).feasible if one.coefficients.beta > 1)
    winner = catalogue.architecture(asked, candidate)
    found = growth_of(asked.document(), asked.network, candidate.coefficients, winner)
    assert found.metric == metric
    if ratio is None:
        base = getattr(cost(asked.network.unscaled(10)), metric)
        ratio = 150_000 / base if "value" in target else getattr(cost(winner), metric) / base
    assert found.ratio == pytest.approx(ratio)


def test_at_the_baseline_s_own_cost_there_is_nothing_to_grow() -> None:
    asked = spec(target={"ratio": 1.0})
    candidate = catalogue.of(asked).feasible[0]
    winner = catalogue.architecture(asked, candidate)
    rows = searched_family(asked.network, candidate.coefficients, winner, asked.document())
    assert [row["phi"] for row in rows] == [0, 1]
    assert rows[1]["macs"] == cost(winner).macs


def test_the_rule_of_older_exports_is_still_known() -> None:
    asked = spec()
    candidate = catalogue.of(asked).feasible[0]
    winner = catalogue.architecture(asked, candidate)
    rows = by_resolution(asked.network, candidate.coefficients, winner, asked.document())
    assert [row["name"] for row in rows] == [f"B{phi}" for phi in range(8)]
    assert "within" not in rows[0]
    assert rows[1]["resolution"] == winner.resolution
