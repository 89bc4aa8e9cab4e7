"""Compound scaling against one dimension alone, at equal real cost, on the drawn data set.

In arXiv 1905.11946, table 7, the compound network wins on ImageNet; here the same is asked of small networks, and the
answer is reported whatever it is. The resolution alone goes beyond the images' own 48 px, so it can only interpolate.
"""

from collections.abc import Iterator

from models.data.registry import SHAPES
from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import EFFICIENTNET_NANO
from models.scaling.coefficients import Multipliers
from models.scaling.cost import cost
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.shapes import errors

RATIO, TOLERANCE = 3.0, 0.03  # times the baseline's multiply-adds, for the network after rounding
SEEDS = (0, 1, 2)


def scaled(depth: float, width: float, pixels: int) -> ScaledArchitecture:
    """efficientnet-nano at these multipliers and that resolution."""
    at = Multipliers(depth, width, pixels / EFFICIENTNET_NANO.resolution)
    return EFFICIENTNET_NANO.scale(at, classes=SHAPES.classes)


COMPOUND = scaled(1.25, 1.25, 36)
ALONE = {"depth": scaled(3.2, 1, 32), "width": scaled(1, 1.7, 32), "resolution": scaled(1, 1, 56)}


def figures(plan: Plan) -> Iterator[Figure]:
    """Validation errors in percent, one value a seed; the same seeds and recipe for all."""
    base = cost(scaled(1, 1, 32)).macs
    for network in (COMPOUND, *ALONE.values()):
        if abs(cost(network).macs / base / RATIO - 1) > TOLERANCE:
            raise AssertionError(f"{network.key} costs {cost(network).macs / base:.3f} times the baseline")
    compound = errors(COMPOUND, SEEDS)
    for name, network in ALONE.items():
        yield Figure(
            f"validation error on shapes at {RATIO:g} times the cost, compound",
            "%",
            compound,
            f"{name} alone",
            errors(network, SEEDS),
            least=1,
        )
