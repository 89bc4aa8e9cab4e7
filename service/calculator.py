"""The scaling calculator: what a baseline really becomes, and what that costs. Pure, and without JAX."""

from dataclasses import dataclass
from typing import Any

from models.architecture import Baseline, ScaledArchitecture
from models.cost import Cost, cost
from models.scaling import Coefficients, DepthRounding, Multipliers

UNSCALED = Multipliers(1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A network, its cost, and how many times the multiply-adds of the unscaled baseline that is."""

    architecture: ScaledArchitecture
    cost: Cost
    macs_ratio: float

    def document(self) -> dict[str, Any]:
        """The JSON shape of the public contract: {"architecture": {…}, "cost": {…}}."""
        return {
            "architecture": self.architecture.document(),
            "cost": {**self.cost.document(), "macs_ratio": self.macs_ratio},
        }

    @property
    def warning(self) -> str | None:
        """Why deeper layers would see no more: the receptive field against the input. None when all is well."""
        field, pixels = self.cost.receptive_field, self.architecture.resolution
        if field >= pixels:
            return None
        return f"the receptive field ({field} px) is smaller than the input ({pixels} px): no unit sees the whole image"


def by_coefficients(
    baseline: Baseline,
    coefficients: Coefficients,
    phi: float,
    *,
    classes: int | None = None,
    rounding: DepthRounding = "ceil",
) -> Scaled:
    """The network of alpha, beta, gamma at phi."""
    return _priced(baseline, baseline.scale(coefficients.at(phi), classes=classes, rounding=rounding))


def by_multipliers(
    baseline: Baseline,
    depth: float,
    width: float,
    resolution: int,
    *,
    classes: int | None = None,
    rounding: DepthRounding = "ceil",
) -> Scaled:
    """The network of a depth and a width multiplier at a resolution in pixels, as model tables list them."""
    multipliers = Multipliers(depth, width, 1.0)
    depths, widths = baseline.depths_at(multipliers.depth, rounding), baseline.widths_at(multipliers.width)
    return _priced(baseline, baseline.build(depths, widths, resolution, classes=classes))


def _priced(baseline: Baseline, network: ScaledArchitecture) -> Scaled:
    price = cost(network)
    reference = cost(baseline.scale(UNSCALED, classes=network.classes))
    return Scaled(network, price, price.macs / reference.macs)
