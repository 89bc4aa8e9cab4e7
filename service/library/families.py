"""The family calculator: the members of a coefficient triple, as published or at the real cost each is wanted for."""

import math
from typing import Any, Literal

from models.errors import InvalidScaling
from models.scaling.architecture import Baseline
from models.scaling.coefficients import Coefficients, DepthRounding
from search.space.family import family as published_family
from search.space.solved_family import Growth, Rule, ray, solved_family

FamilyRule = Literal["published", "solved"]
MAX_FAMILY = 32  # rows; B0 to B7 are 8, and no multiplier within the limit needs more
LEAST_RATIO = 0.01  # of a step
SAME = 1e-3  # relative: a step of the same cost grows nothing


def family_document(
    baseline: Baseline,
    coefficients: Coefficients,
    phis: str,
    rule: FamilyRule = "published",
    *,
    ratio: float | None = None,
    classes: int | None = None,
    rounding: DepthRounding | None = None,
) -> dict[str, Any]:
    """The members of a family as JSON, by the published rounding or solved for their real cost.

    `phis` is a whole number or a range such as -2..4. `ratio` is what one step multiplies the real multiply-adds by,
    where the family is solved; by default the product of the coefficients. Raises `InvalidScaling`.
    """
    steps = _steps(phis)
    triple = {name: getattr(coefficients, name) for name in ("alpha", "beta", "gamma", "product")}
    found: dict[str, Any] = {"baseline": baseline.name, "coefficients": triple, "as": rule}
    if rule == "published":
        if ratio is not None:
            raise InvalidScaling("a ratio is for a family that is solved: the published rounding costs what it costs")
        rows = published_family(baseline, coefficients, steps, classes=classes, rounding=rounding)
        return {**found, "ratio": None, "family": rows}
    step = coefficients.product if ratio is None else ratio
    if not (math.isfinite(step) and LEAST_RATIO <= step <= 1 / LEAST_RATIO and abs(step - 1) > SAME):
        raise InvalidScaling(
            f"one step must multiply the cost by {LEAST_RATIO:g} to {1 / LEAST_RATIO:g} and not by 1, got {step!r}: "
            "give a ratio, such as 2"
        )
    shares = ray(coefficients, step)
    if shares is None:
        raise InvalidScaling(
            f"the coefficients multiply the nominal cost by {coefficients.product:g} a step, which does not lead to "
            f"{step:g} times: give coefficients that grow where the ratio does"
        )
    classes = baseline.classes if classes is None else classes
    known = Rule(baseline, coefficients, Growth("macs", step), classes, shares, rounding)
    return {**found, "ratio": step, "family": solved_family(known, steps)}


def _steps(text: str) -> range:
    low, dots, high = text.partition("..")
    try:
        first, last = int(low), int(high if dots else low)
    except ValueError:
        raise InvalidScaling(f"phi is a whole number or a range such as -2..4, got {text!r}") from None
    if not (first <= last < first + MAX_FAMILY and max(abs(first), abs(last)) <= MAX_FAMILY):
        raise InvalidScaling(
            f"phi must rise over at most {MAX_FAMILY} steps, from at least -{MAX_FAMILY} to at most {MAX_FAMILY}, got "
            f"{text!r}"
        )
    return range(first, last + 1)
