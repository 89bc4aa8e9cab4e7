"""Stage tables, and the networks that come of scaling them.

A `Baseline` is a stage table as data; `Baseline.scale` rounds multipliers to integers; the resulting
`ScaledArchitecture` is everything a network is made of, and its `key` names it: two coefficient triples that round to
the same integers are the same network.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from models.errors import InvalidArchitecture, InvalidBaseline, InvalidScaling
from models.scaling import DepthRounding, Multipliers, round_depth, round_resolution, round_width

BlockKind = Literal["mbconv"]
MIN_RESOLUTION = 8  # pixels
MAX_RESOLUTION = 8192  # pixels
MAX_WIDTH = 65_536  # channels
MAX_DEPTH = 1024  # blocks in a stage


@dataclass(frozen=True, slots=True)
class StageSpec:
    """`repeats` blocks of one kind. The first has `stride` and changes the width, the others keep both.

    `expansion` multiplies the input channels inside an MBConv; `se_ratio` is the share of the block's *input* channels
    that squeeze-and-excitation keeps (0 leaves it out).
    """

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int
    se_ratio: float = 0.25
    block: BlockKind = "mbconv"

    def __post_init__(self) -> None:
        _whole(1, MAX_DEPTH, repeats=self.repeats)
        _whole(1, 4, stride=self.stride)
        _whole(1, 16, expansion=self.expansion)
        _whole(1, MAX_WIDTH, width=self.width)
        if self.kernel not in (1, 3, 5, 7, 9):
            raise InvalidBaseline(f"kernel must be odd, 1 to 9, got {self.kernel!r}")
        if not 0 <= self.se_ratio <= 1:
            raise InvalidBaseline(f"se_ratio must be in [0, 1], got {self.se_ratio!r}")
        if self.block != "mbconv":
            raise InvalidBaseline(f"block must be 'mbconv', got {self.block!r}")


@dataclass(frozen=True, slots=True)
class ScaledArchitecture:
    """A network in integers. Read `stages` top to bottom, between the stem convolution and the 1x1 head.

    `resolution` is the input height and width in pixels; `dropout` is the rate before the classifier and
    `drop_path` the stochastic-depth rate that the last block approaches.
    """

    stem: int
    stem_stride: int
    stages: tuple[StageSpec, ...]
    head: int
    resolution: int
    classes: int
    dropout: float = 0.2
    drop_path: float = 0.2

    def __post_init__(self) -> None:
        if not MIN_RESOLUTION <= self.resolution <= MAX_RESOLUTION:
            raise InvalidArchitecture(
                f"resolution must be {MIN_RESOLUTION} to {MAX_RESOLUTION} pixels, got {self.resolution}"
            )
        if self.classes < 1:
            raise InvalidArchitecture(f"classes must be at least 1, got {self.classes}")

    @property
    def depths(self) -> tuple[int, ...]:
        """Blocks per stage."""
        return tuple(stage.repeats for stage in self.stages)

    @property
    def widths(self) -> tuple[int, ...]:
        """Output channels per stage."""
        return tuple(stage.width for stage in self.stages)

    @property
    def blocks(self) -> int:
        """Blocks in all."""
        return sum(self.depths)

    @property
    def key(self) -> str:
        """16 hexadecimal digits that name this network: every integer that shapes a weight or a map, and no more."""
        shape = {
            "stem": [self.stem, self.stem_stride],
            "stages": [list(asdict(stage).values()) for stage in self.stages],
            "head": self.head,
            "resolution": self.resolution,
            "classes": self.classes,
        }
        return hashlib.sha256(json.dumps(shape, separators=(",", ":")).encode()).hexdigest()[:16]

    def document(self) -> dict[str, object]:
        """The JSON shape of the public contract."""
        return {
            "key": self.key,
            "depths": list(self.depths),
            "widths": list(self.widths),
            "stem": self.stem,
            "head": self.head,
            "resolution": self.resolution,
            "classes": self.classes,
            "dropout": self.dropout,
        }


@dataclass(frozen=True, slots=True)
class Baseline:
    """A network to scale: its stage table, and the resolution and regularization it was designed for."""

    name: str
    stem: int
    stem_stride: int
    stages: tuple[StageSpec, ...]
    head: int
    resolution: int
    classes: int
    dropout: float
    drop_path: float
    summary: str = ""

    def __post_init__(self) -> None:
        if not self.stages:
            raise InvalidBaseline("a baseline needs at least one stage")
        _whole(1, MAX_WIDTH, stem=self.stem, head=self.head)
        _whole(1, 4, stem_stride=self.stem_stride)
        _whole(1, 100_000, classes=self.classes)
        _whole(MIN_RESOLUTION, MAX_RESOLUTION, resolution=self.resolution)
        for name in ("dropout", "drop_path"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidBaseline(f"{name} must be in [0, 1), got {getattr(self, name)!r}")

    def depths_at(self, depth: float, rounding: DepthRounding = "ceil") -> tuple[int, ...]:
        """Blocks per stage at a depth multiplier."""
        return tuple(round_depth(depth * stage.repeats, rounding) for stage in self.stages)

    def widths_at(self, width: float) -> tuple[int, ...]:
        """Channels at a width multiplier: the stem, each stage, the head."""
        channels = (self.stem, *(stage.width for stage in self.stages), self.head)
        return tuple(round_width(width * channel) for channel in channels)

    def resolution_at(self, resolution: float) -> int:
        """Pixels at a resolution multiplier."""
        return round_resolution(resolution * self.resolution)

    def scale(
        self, multipliers: Multipliers, *, classes: int | None = None, rounding: DepthRounding = "ceil"
    ) -> ScaledArchitecture:
        """The network that these multipliers really give, after rounding.

        Raises `InvalidScaling` when a rounded integer is out of any sensible range.
        """
        return self.build(
            self.depths_at(multipliers.depth, rounding),
            self.widths_at(multipliers.width),
            self.resolution_at(multipliers.resolution),
            classes=classes,
        )

    def build(
        self, depths: Sequence[int], widths: Sequence[int], resolution: int, *, classes: int | None = None
    ) -> ScaledArchitecture:
        """The network with these integers; `widths` holds stem, stages and head."""
        if len(depths) != len(self.stages) or len(widths) != len(self.stages) + 2:
            raise InvalidArchitecture(
                f"{self.name} has {len(self.stages)} stages: it takes that many depths (got {len(depths)}) "
                f"and two more widths (got {len(widths)})"
            )
        stem, *channels, head = widths
        try:
            stages = tuple(
                replace(stage, repeats=depth, width=width)
                for stage, depth, width in zip(self.stages, depths, channels, strict=True)
            )
        except InvalidBaseline as error:
            raise InvalidScaling(f"{self.name} cannot be scaled so far: {error}") from None
        return ScaledArchitecture(
            stem=stem,
            stem_stride=self.stem_stride,
            stages=stages,
            head=head,
            resolution=resolution,
            classes=self.classes if classes is None else classes,
            dropout=self.dropout,
            drop_path=self.drop_path,
        )

    def document(self) -> dict[str, object]:
        """The stage table as JSON; `models.baselines.from_table` reads it back."""
        return asdict(self)


def _whole(low: int, high: int, **values: object) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidBaseline(f"{name} must be a whole number from {low} to {high}, got {value!r}")
