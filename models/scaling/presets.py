"""Published members of the families: their width and depth multipliers, resolution and dropout."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from models.errors import UnknownBaseline
from models.scaling.architecture import Baseline, ScaledArchitecture


class Preset(NamedTuple):
    """One published network: `resolution` in pixels, `dropout` before the classifier."""

    name: str
    width: float
    depth: float
    resolution: int
    dropout: float

    def network(self, baseline: Baseline, classes: int | None = None) -> ScaledArchitecture:
        """The network itself."""
        return replace(baseline.sized(self.depth, self.width, self.resolution, classes=classes), dropout=self.dropout)


# tensorflow/tpu efficientnet_builder.py, efficientnet_params
EFFICIENTNET = (
    Preset("b0", 1.0, 1.0, 224, 0.2),
    Preset("b1", 1.0, 1.1, 240, 0.2),
    Preset("b2", 1.1, 1.2, 260, 0.3),
    Preset("b3", 1.2, 1.4, 300, 0.3),
    Preset("b4", 1.4, 1.8, 380, 0.4),
    Preset("b5", 1.6, 2.2, 456, 0.4),
    Preset("b6", 1.8, 2.6, 528, 0.5),
    Preset("b7", 2.0, 3.1, 600, 0.5),
    Preset("b8", 2.2, 3.6, 672, 0.5),
    Preset("l2", 4.3, 5.3, 800, 0.5),
)

# google/automl effnetv2_configs.py, efficientnetv2_params; the resolutions are those of evaluation
EFFICIENTNETV2 = (
    Preset("b0", 1.0, 1.0, 224, 0.2),
    Preset("b1", 1.0, 1.1, 240, 0.2),
    Preset("b2", 1.1, 1.2, 260, 0.3),
    Preset("b3", 1.2, 1.4, 300, 0.3),
)

# timm efficientnet.py, tinynet_a to tinynet_e (arXiv 2010.14819, table 3)
TINYNET = (
    Preset("a", 1.0, 1.2, 192, 0.2),
    Preset("b", 0.75, 1.1, 188, 0.2),
    Preset("c", 0.54, 0.85, 184, 0.2),
    Preset("d", 0.54, 0.695, 152, 0.2),
    Preset("e", 0.51, 0.6, 106, 0.2),
)

PRESETS: Mapping[str, tuple[Preset, ...]] = MappingProxyType(
    {"efficientnet-b0": EFFICIENTNET, "efficientnetv2-b0": EFFICIENTNETV2, "tinynet": TINYNET}
)


def get_preset(baseline: str, name: str) -> Preset:
    """The published member of that name; `UnknownBaseline` names those there are.

    >>> get_preset("efficientnet-b0", "b3").resolution
    300
    """
    presets = {preset.name: preset for preset in PRESETS.get(baseline, ())}
    if not presets:
        raise UnknownBaseline(f"{baseline} has no published presets; these have: {', '.join(PRESETS)}")
    try:
        return presets[name.lower()]
    except KeyError:
        raise UnknownBaseline(f"{baseline} has no preset {name!r}; there are: {', '.join(presets)}") from None
