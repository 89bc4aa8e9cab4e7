"""The family B0, B1, B2, … of a baseline as its coefficients and the published rounding give it, at its real cost."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from models.errors import InvalidArchitecture, InvalidScaling
from models.scaling.architecture import MAX_RESOLUTION, MIN_RESOLUTION, Baseline, ScaledArchitecture
from models.scaling.baselines import EFFICIENTNET_B0
from models.scaling.coefficients import Coefficients, DepthRounding
from models.scaling.cost import Cost, cost, profile
from models.scaling.presets import EFFICIENTNET

MAX_DROPOUT = 0.5  # tensorflow/tpu efficientnet_builder.py: B6 and B7
DROPOUT_STEP = 0.1  # the same: .2 .2 .3 .3 .4 .4 .5 .5
PHIS = tuple(range(8))  # B0 to B7, as published
READABLE_DIGITS = range(4, 17)
OFFICIAL = EFFICIENTNET[: len(PHIS)]
B0_TABLE = EFFICIENTNET_B0.stem, EFFICIENTNET_B0.stages, EFFICIENTNET_B0.head


def family(
    baseline: Baseline,
    coefficients: Coefficients,
    phis: Sequence[float] = PHIS,
    *,
    classes: int | None = None,
    rounding: DepthRounding | None = None,
    resolution_multiple: int = 1,
    solve_ratio: float | None = None,
    metric: str = "macs",
    pinned: Mapping[float, int] | None = None,
) -> list[dict[str, Any]]:
    """One row of the contract (section 7) for each phi; JSON values only.

    Depth and width are alpha^phi and beta^phi. Without `solve_ratio` the resolution is gamma^phi times the baseline's.
    With it, it is the multiple of `resolution_multiple` at which the real `metric` (macs or activations) comes nearest
    to `solve_ratio` ** phi times that of phi 0, and the nominal resolution stands beside it. `pinned` gives pixels by
    phi that are taken as they are. phi 0 is always the baseline itself. Raises `InvalidScaling` beyond what can be
    built.
    """
    known = {0: baseline.resolution, **(pinned or {})}
    base = cost(baseline.unscaled(classes))
    rows = []
    for phi in phis:
        nominal = baseline.scale(coefficients.multipliers(phi), classes=classes, rounding=rounding)
        pixels = known.get(phi)
        if pixels is None and solve_ratio is not None:
            pixels = _solved(nominal, getattr(base, metric) * solve_ratio**phi, metric, resolution_multiple)
        elif pixels is None:
            pixels = _nearest_multiple(nominal.resolution, resolution_multiple)
        widths = (nominal.stem, *nominal.widths, nominal.head)
        network = baseline.build(nominal.depths, widths, pixels, classes=classes)
        at = coefficients.alpha**phi, coefficients.beta**phi
        rows.append(described(baseline, coefficients, phi, network, at, rounding=rounding, larger=phi))
    return rows


def described(
    baseline: Baseline,
    coefficients: Coefficients,
    phi: float,
    network: ScaledArchitecture,
    at: tuple[float, float],
    *,
    rounding: DepthRounding | None,
    larger: float,
) -> dict[str, Any]:
    """The row of a member. `at` are multipliers of depth and width that give it.

    `larger` is how many steps it is larger than the baseline, which its dropout follows. What the coefficients
    nominally give stands beside it, null where that cannot be built.
    """
    base = cost(baseline.unscaled(network.classes))
    nominal: ScaledArchitecture | None
    try:
        nominal = baseline.scale(coefficients.multipliers(phi), classes=network.classes, rounding=rounding)
    except (InvalidScaling, InvalidArchitecture):
        nominal = None
    return {
        "name": f"B{phi:g}",
        "phi": phi,
        "depth": _readable(at[0], lambda d: baseline.depths_at(d, rounding)),
        "width": _readable(at[1], baseline.widths_at),
        **_realised(baseline, network, base, larger),
        "nominal_ratio": round(coefficients.product**phi, 6),
        "nominal_resolution": None if nominal is None else nominal.resolution,
        "nominal_macs_ratio": None if nominal is None else round(cost(nominal).macs / base.macs, 6),
        "closest_official": closest_official(baseline, network),
    }


def by_resolution(
    baseline: Baseline, coefficients: Coefficients, winner: ScaledArchitecture, spec: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A search's family as exports had it before all three dimensions followed: resolution alone meets the cost.

    `spec` is the search's document. The searched phi's row is the winner.

    Where the target's metric does not rise with resolution (params), is not a real cost (product) or is known only of
    what was measured (latency_ms), the winner's own real multiply-adds are what the other members follow. The table
    ends early where nothing larger can be built.
    """
    rows: list[dict[str, Any]] = []
    for phi in sorted({*PHIS, spec["phi"]}):
        try:
            rows.append(_by_resolution(baseline, coefficients, winner, spec, phi))
        except (InvalidScaling, InvalidArchitecture):
            break
    return rows


def _by_resolution(
    baseline: Baseline,
    coefficients: Coefficients,
    winner: ScaledArchitecture,
    spec: Mapping[str, Any],
    phi: float,
) -> dict[str, Any]:
    target, space = spec["target"], spec["space"]
    metric, ratio = target["metric"], target["ratio"]
    if metric not in ("macs", "activations"):
        metric, ratio = "macs", cost(winner).macs / cost(baseline.unscaled(winner.classes)).macs
    rows = family(
        baseline,
        coefficients,
        (phi,),
        classes=winner.classes,
        rounding=space["depth_rounding"],
        resolution_multiple=space["resolution_multiple"],
        solve_ratio=ratio ** (1 / spec["phi"]),
        metric=metric,
        pinned={spec["phi"]: winner.resolution},
    )
    return rows[0]


def closest_official(baseline: Baseline, network: ScaledArchitecture) -> str | None:
    """The published EfficientNet nearest in multiply-adds (as a ratio); None for networks of another stage table."""
    if (baseline.stem, baseline.stages, baseline.head) != B0_TABLE:
        return None
    macs = cost(network).macs
    return min(official_macs(network.classes), key=lambda entry: max(entry[1] / macs, macs / entry[1]))[0]


@lru_cache(maxsize=8)
def official_macs(classes: int) -> tuple[tuple[str, int], ...]:
    """(name, multiply-adds) of the published B0 to B7 with that many classes."""
    return tuple((row.name.upper(), cost(row.network(EFFICIENTNET_B0, classes)).macs) for row in OFFICIAL)


def dropout_at(base: float, phi: float) -> float:
    """The rate before the classifier, as published for B0 to B7: a tenth more every second member, at most 0.5.

    A baseline without dropout has a family without.

    >>> [dropout_at(0.2, phi) for phi in range(8)]
    [0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5]
    """
    return base and max(base, min(MAX_DROPOUT, round(base + DROPOUT_STEP * (phi // 2), 6)))


def _realised(baseline: Baseline, network: ScaledArchitecture, base: Cost, phi: float) -> dict[str, Any]:
    real = cost(network)
    return {
        "resolution": network.resolution,
        "dropout": dropout_at(baseline.dropout, phi),
        "depths": list(network.depths),
        "widths": list(network.widths),
        "stem": network.stem,
        "head": network.head,
        "params": real.params,
        "macs": real.macs,
        "macs_ratio": round(real.macs / base.macs, 6),
        "activations": real.activations,
        "receptive_field": real.receptive_field,
    }


def _solved(network: ScaledArchitecture, target: float, metric: str, multiple: int) -> int:
    """Bisection over the multiples: cost never falls as resolution rises."""
    cost_at = profile(network).cost_at
    low, high = -(-MIN_RESOLUTION // multiple), MAX_RESOLUTION // multiple
    while low < high:
        middle = (low + high) // 2
        if getattr(cost_at(middle * multiple), metric) < target:
            low = middle + 1
        else:
            high = middle
    candidates = [steps * multiple for steps in (low - 1, low) if steps * multiple >= MIN_RESOLUTION]
    return min(candidates, key=lambda pixels: abs(getattr(cost_at(pixels), metric) - target))


def _nearest_multiple(pixels: int, multiple: int) -> int:
    return max(-(-MIN_RESOLUTION // multiple), (2 * pixels + multiple) // (2 * multiple)) * multiple


def _readable(multiplier: float, vector: Callable[[float], tuple[int, ...]]) -> float:
    """The multiplier in as few digits (from four on) as give the same integers."""
    exact = vector(multiplier)
    return next(
        (short for digits in READABLE_DIGITS if vector(short := round(multiplier, digits)) == exact), multiplier
    )
