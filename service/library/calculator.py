"""The scaling calculator: what a baseline really becomes, and what that costs. Pure, and without JAX."""

import math
from dataclasses import dataclass
from typing import Any

from models.scaling import anatomy
from models.scaling.architecture import Baseline, ScaledArchitecture
from models.scaling.coefficients import Coefficients, DepthRounding, Multipliers
from models.scaling.cost import Cost, cost, layers
from models.scaling.presets import PRESETS, get_preset


@dataclass(frozen=True, slots=True)
class Scaled:
    """A network, its cost, and how many times the multiply-adds of the unscaled baseline that is."""

    architecture: ScaledArchitecture
    cost: Cost
    macs_ratio: float

    def document(self) -> dict[str, Any]:
        """The JSON shape of the public contract, {"architecture": {…}, "cost": {…}}, and the network part by part."""
        return {
            "architecture": self.architecture.document(),
            "cost": {**self.cost.document(), "macs_ratio": self.macs_ratio},
            **anatomy.document(self.architecture),
            "warnings": self.warnings,
        }

    @property
    def warnings(self) -> list[str]:
        """What of the network's geometry wastes its layers; empty when all is well."""
        field, pixels = self.cost.receptive_field, self.architecture.resolution
        last = anatomy.anatomy(self.architecture)[-2].map_px
        found = []
        if field < pixels:
            found.append(
                f"the receptive field ({field} px) does not cover the input ({pixels} px): no unit sees the whole image"
            )
        smallest = math.prod(layer.stride for layer in layers(self.architecture) if not (layer.pooled or layer.side))
        if pixels < smallest:
            found.append(
                f"the last map would have less than one pixel: {pixels} px of input are below the total stride of "
                f"{smallest}, and searches and solved families do not go there"
            )
        elif last < anatomy.SMALLEST_MAP:
            found.append(
                f"the last map is {last}x{last} px: kernels there mostly see padding; a larger resolution or a "
                "baseline of smaller total stride would use them"
            )
        return found


def by_coefficients(
    baseline: Baseline,
    coefficients: Coefficients,
    phi: float,
    *,
    classes: int | None = None,
    rounding: DepthRounding | None = None,
) -> Scaled:
    """The network of alpha, beta, gamma at phi."""
    return _priced(baseline, baseline.scale(coefficients.multipliers(phi), classes=classes, rounding=rounding))


def by_multipliers(
    baseline: Baseline,
    depth: float,
    width: float,
    resolution: int,
    *,
    classes: int | None = None,
    rounding: DepthRounding | None = None,
) -> Scaled:
    """The network of a depth and a width multiplier at a resolution in pixels, as model tables list them."""
    multipliers = Multipliers(depth, width, 1.0)
    network = baseline.sized(multipliers.depth, multipliers.width, resolution, classes=classes, rounding=rounding)
    return _priced(baseline, network)


def described(baseline: Baseline) -> dict[str, Any]:
    """A network that can be scaled as JSON: its stage table, its cost as it is, and the published members."""
    presets = [preset._asdict() for preset in PRESETS.get(baseline.name, ())]
    return {**baseline.document(), "cost": cost(baseline.unscaled()).document(), "presets": presets}


def by_preset(baseline: Baseline, name: str, *, classes: int | None = None) -> Scaled:
    """A published member of the baseline's family, with its own dropout."""
    return _priced(baseline, get_preset(baseline.name, name).network(baseline, classes))


def _priced(baseline: Baseline, network: ScaledArchitecture) -> Scaled:
    price = cost(network)
    reference = cost(baseline.unscaled(network.classes))
    return Scaled(network, price, price.macs / reference.macs)
