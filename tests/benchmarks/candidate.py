"""The network that a search meets: the middle one of those the shipped demo can propose."""

from functools import cache
from typing import Any

from models.data.registry import DIGITS
from search.space import catalogue
from search.space.catalogue import Candidate
from search.spec.spec import SearchSpec
from service.operations.demo_spec import saturated_spec
from tests.benchmarks.problem import Problem

EPOCHS = 8  # of the demo


@cache
def median_candidate() -> Candidate:
    """Of the demo's feasible networks in the order of blocks, then multiply-adds, which is that of compile times."""
    feasible = catalogue.of(SearchSpec.model_validate(saturated_spec(1))).feasible
    return sorted(feasible, key=lambda candidate: (sum(candidate.depths), candidate.cost.macs))[len(feasible) // 2]


def problem(
    padding: str = "same", images: tuple[int, int] = (DIGITS.train, DIGITS.validation), **recipe: Any
) -> Problem:
    """It on the digits with the default recipe but for what is given."""
    chosen = median_candidate()
    at = chosen.coefficients
    size = (at.alpha, at.beta, chosen.resolution)
    return Problem.of("efficientnet-nano", padding, size, {"epochs": EPOCHS, **recipe}, images)


def name() -> str:
    """For a reader."""
    chosen = median_candidate()
    return f"the demo's median candidate ({'-'.join(map(str, chosen.depths))} blocks, {chosen.resolution} px)"
