"""The network every search begins with: that of the published coefficients, or the feasible one nearest to it."""

import math
from collections.abc import Sequence

from models.errors import ModelError
from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import PAPER_COEFFICIENTS
from models.scaling.coefficients import Coefficients
from models.scaling.cost import cost
from search.space import latency_table
from search.space.catalogue import Candidate, Catalogue, relative
from search.spec.spec import SearchSpec

PAPER = "alpha 1.2, beta 1.1, gamma 1.15 (arXiv 1905.11946)"


def reference(spec: SearchSpec, catalogue: Catalogue, among: Sequence[Candidate]) -> tuple[Candidate, str]:
    """The reference out of `among` (not empty), and a note on what it is.

    Nearest is by the distance of the logarithms of the coefficients; of equally near ones the first.
    """
    at, text = published(spec)
    paper = paper_candidate(spec, catalogue)
    if paper is not None and paper in among:
        return paper, f"the paper's coefficients: {text}"
    nearest = min(among, key=lambda candidate: distance(candidate.coefficients, at))
    return nearest, f"the feasible network nearest to {text}, {why_not(spec, catalogue)}"


def published(spec: SearchSpec) -> tuple[Coefficients, str]:
    """The published coefficients in the direction that a search goes, and how they are spoken of.

    Where networks shrink at a positive phi, 1 over each of them: the paper's rule at the negative phi. At the
    baseline's own cost that rule gives the baseline itself.
    """
    if spec.phi < 0 or spec.ratio > 1:
        return PAPER_COEFFICIENTS, PAPER
    if spec.ratio == 1:
        return Coefficients(1.0, 1.0, 1.0), "the baseline itself, which the paper's rule gives at its own cost"
    paper = PAPER_COEFFICIENTS
    return Coefficients(1 / paper.alpha, 1 / paper.beta, 1 / paper.gamma), f"1 over each of {PAPER}"


def paper_candidate(spec: SearchSpec, catalogue: Catalogue) -> Candidate | None:
    """The feasible network that the published coefficients give at the spec's phi; None where they give none."""
    network = spec.network
    try:
        at = published(spec)[0].multipliers(spec.phi)
        depths = network.depths_at(at.depth, spec.space.depth_rounding)
        position = catalogue.position((depths, network.widths_at(at.width), network.resolution_at(at.resolution)))
    except ModelError:
        return None
    return None if position is None else catalogue.feasible[position]


def why_not(spec: SearchSpec, catalogue: Catalogue) -> str:
    """Why the published coefficients are not feasible, as the end of a sentence about them."""
    network, space, (paper, _) = spec.network, spec.space, published(spec)
    outside = [
        name
        for name in ("alpha", "beta", "gamma")
        if not getattr(space, name)[0] <= getattr(paper, name) <= getattr(space, name)[1]
    ]
    if outside:
        return f"whose {' and '.join(outside)} the space leaves out"
    try:
        scaled = network.scale(paper.multipliers(spec.phi), classes=spec.data.classes, rounding=space.depth_rounding)
    except ModelError as error:
        return f"which cannot be built at phi {spec.phi:g}: {error}"
    reasons = []
    if scaled.resolution % space.resolution_multiple:
        reasons.append(f"{scaled.resolution} px are no multiple of {space.resolution_multiple}")
    if against := _against(spec, catalogue, scaled):
        reasons.append(against)
    if not reasons and spec.limits:
        reasons.append("they break a limit")
    return f"which are not feasible here: {' and '.join(reasons)}"


def _against(spec: SearchSpec, catalogue: Catalogue, scaled: ScaledArchitecture) -> str | None:
    """How far the published coefficients' network is from the target; None where it meets it."""
    target = spec.target
    if target.metric == "latency_ms":
        widths = (scaled.stem, *scaled.widths, scaled.head)
        return latency_table.why_not(spec, scaled.depths, widths, scaled.resolution)
    ratio = relative(spec, published(spec)[0], cost(scaled), catalogue.baseline_cost)
    low, high = spec.cost_range
    if low <= ratio <= high:
        return None
    wanted = f"{spec.ratio:g}" if target.at_most is None else f"{low:.4g} to {high:.4g}"
    return f"it really costs {ratio:.4g} times the baseline's {target.metric}, not {wanted}"


def distance(first: Coefficients, second: Coefficients) -> float:
    """Euclidean, between the logarithms of the coefficients."""
    pairs = ((first.alpha, second.alpha), (first.beta, second.beta), (first.gamma, second.gamma))
    return math.hypot(*(math.log(a / b) for a, b in pairs))
