"""The family that follows its coefficients at the cost each member is wanted for: all three dimensions round freely."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from models.errors import InvalidScaling
from models.scaling.architecture import Baseline, ScaledArchitecture
from models.scaling.coefficients import Coefficients, DepthRounding
from models.scaling.cost import cost
from search.space.family import described
from search.space.multipliers import Shares, log_alone, shares_of
from search.space.rays import distance_from_ray, nearest_to_ray
from search.spec.ranges import measured

PHIS = tuple(range(-3, 8))  # as far as networks exist
TOLERANCE = 0.05  # of a member's real cost, relative to what its phi asks for
COUNTED = {"macs": "macs", "activations": "activations", "params": "params", "weight_bytes": "params"}
LEAST_LOG = 1e-3  # of the cost of a step: nearer to 1 nothing grows
LEAST_AGREEMENT = 0.1  # share of a step's cost that the coefficients' own product must have, or they point elsewhere


class Growth(NamedTuple):
    """What one step of phi multiplies which real cost by, and how near to that a member must come."""

    metric: str
    ratio: float
    tolerance: float = TOLERANCE


class Member(NamedTuple):
    """A network, and multipliers of depth and width that give it."""

    network: ScaledArchitecture
    depth: float
    width: float


@dataclass(frozen=True)
class Rule:
    """How the members of a family are found. `shares` is the ray, None where there is none to follow."""

    baseline: Baseline
    coefficients: Coefficients
    growth: Growth
    classes: int
    shares: Shares | None
    rounding: DepthRounding | None = None
    resolution_multiple: int = 1


def solved_family(
    rule: Rule, phis: Sequence[float], pinned: Mapping[float, Member] | None = None
) -> list[dict[str, Any]]:
    """One row for each phi, rising: the network nearest to the ray at the growth's ratio ** phi.

    A row has the fields of `family.family` and `metric`, `wanted_ratio`, `ratio` (the real one, in that metric),
    `distance` from the ray (`search.space.rays`) and `within`: whether the real cost is within the tolerance; where
    that of no network is, the nearest in cost is listed. phi 0 is the baseline, and `pinned` members are taken as they
    are. The table ends on either side where nothing can be built, or nothing else than the member before.
    """
    given = {0.0: Member(rule.baseline.unscaled(rule.classes), 1.0, 1.0), **(pinned or {})}
    rows = {phi: _row(rule, phi, one) for phi, one in given.items() if phi in phis}
    for side in (1, -1):
        before = None
        for phi in sorted((phi for phi in phis if phi * side >= 0), key=abs):
            found = given.get(phi) or _solved(rule, phi)
            if found is None or (found.network.key == before and phi not in given):
                break
            before = found.network.key
            rows[phi] = _row(rule, phi, found)
    return [rows[phi] for phi in sorted(rows)]


def searched_family(
    baseline: Baseline, coefficients: Coefficients, winner: ScaledArchitecture, spec: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The family of a search, from phi -3 to 7; `spec` is its document. The searched phi's row is the winner."""
    phi, rule = spec["phi"], _rule(baseline, coefficients, winner, spec)
    known = {phi: Member(winner, coefficients.alpha**phi, coefficients.beta**phi)}
    return solved_family(rule, sorted({*PHIS, phi}), known)


def member(
    baseline: Baseline, coefficients: Coefficients, winner: ScaledArchitecture, spec: Mapping[str, Any], phi: float
) -> ScaledArchitecture:
    """The network of `searched_family` at one phi. Raises `InvalidScaling` where there is none."""
    if phi == spec["phi"]:
        return winner
    found = _solved(_rule(baseline, coefficients, winner, spec), phi)
    if found is None:
        raise InvalidScaling(f"the family has no member at phi {phi:g}")
    return found.network


def _rule(baseline: Baseline, coefficients: Coefficients, winner: ScaledArchitecture, spec: Mapping[str, Any]) -> Rule:
    growth = growth_of(spec, baseline, coefficients, winner)
    return Rule(
        baseline,
        coefficients,
        growth,
        winner.classes,
        _followed(baseline, coefficients, winner, growth),
        spec["space"]["depth_rounding"],
        spec["space"]["resolution_multiple"],
    )


def growth_of(
    spec: Mapping[str, Any], baseline: Baseline, coefficients: Coefficients, winner: ScaledArchitecture
) -> Growth:
    """What a search's family grows by; `spec` is its document.

    The target's own cost, where that is counted and the coefficients change it: what was asked for at the searched phi,
    under a ceiling what the winner costs. Otherwise the winner's own multiply-adds.
    """
    target, phi = spec["target"], spec["phi"]
    metric = COUNTED.get(target["metric"], "")
    base, real = cost(baseline.unscaled(winner.classes)), cost(winner)
    if metric == "params" and coefficients.alpha == coefficients.beta == 1:
        metric = ""
    asked = target["ratio"]
    if metric and target.get("value"):
        asked = target["value"] / measured(target["metric"], base, 1)
    if not metric or asked is None:
        metric = metric or "macs"
        asked = getattr(real, metric) / getattr(base, metric)
    return Growth(metric, asked ** (1 / phi), target["tolerance"])


def _followed(
    baseline: Baseline, coefficients: Coefficients, winner: ScaledArchitecture, growth: Growth
) -> Shares | None:
    if abs(math.log(growth.ratio)) < LEAST_LOG:
        return None
    return ray(coefficients, growth.ratio) or _realised(baseline, winner)


def ray(coefficients: Coefficients, ratio: float) -> Shares | None:
    """The coefficients' own shares; None where a step of them does not go where the cost is to go.

    Rounding may make a network dearer whose coefficients say that it is cheaper.
    """
    wanted = math.log(ratio)
    if abs(wanted) < LEAST_LOG or math.log(coefficients.product) / wanted < LEAST_AGREEMENT:
        return None
    return shares_of(coefficients)


def _realised(baseline: Baseline, network: ScaledArchitecture) -> Shares | None:
    """How a network really divides the logarithm of its cost, dimension by dimension; None where that adds up to 0."""
    widths = (network.stem, *network.widths, network.head)
    depth = log_alone(baseline, "depths", network.depths, network.classes)
    width = log_alone(baseline, "widths", widths, network.classes)
    size = 2 * math.log(network.resolution / baseline.resolution)
    total = depth + width + size
    return None if abs(total) < LEAST_LOG else (depth / total, width / total, size / total)


def _solved(rule: Rule, phi: float) -> Member | None:
    growth = rule.growth
    if rule.shares is None:
        return None
    found = nearest_to_ray(
        rule.baseline,
        rule.shares,
        growth.ratio**phi,
        tolerance=growth.tolerance,
        metric=growth.metric,
        classes=rule.classes,
        rounding=rule.rounding,
        resolution_multiple=rule.resolution_multiple,
        hold=False,
    )
    return None if found is None else Member(found.network, found.coefficients.alpha, found.coefficients.beta)


def _row(rule: Rule, phi: float, one: Member) -> dict[str, Any]:
    growth, baseline = rule.growth, rule.baseline
    wanted, base = growth.ratio**phi, cost(baseline.unscaled(rule.classes))
    real = getattr(cost(one.network), growth.metric) / getattr(base, growth.metric)
    larger = phi if growth.ratio >= 1 else -phi
    at = one.depth, one.width
    row = described(baseline, rule.coefficients, phi, one.network, at, rounding=rule.rounding, larger=larger)
    distance = None
    if rule.shares is not None:
        distance = round(distance_from_ray(baseline, rule.shares, one.network, rule.rounding), 6)
    return {
        **row,
        "metric": growth.metric,
        "wanted_ratio": round(wanted, 6),
        "ratio": round(real, 6),
        "distance": distance,
        "within": bool(wanted * (1 - growth.tolerance) <= real <= wanted * (1 + growth.tolerance)),
    }
