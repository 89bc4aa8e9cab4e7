"""Stage tables, and the networks that come of scaling them.

A `Baseline` is a stage table as data; `Baseline.scale` rounds multipliers to integers; the resulting
`ScaledArchitecture` is everything a network is made of, and its `key` names it: two coefficient triples that round to
the same integers are the same network.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from models.errors import InvalidArchitecture, InvalidBaseline, InvalidScaling
from models.scaling.coefficients import (
    MIN_WIDTH_KEPT,
    WIDTH_DIVISOR,
    DepthRounding,
    Multipliers,
    round_depth,
    round_resolution,
    round_width,
)

BlockKind = Literal["mbconv", "fused-mbconv", "separable", "basic", "bottleneck"]
Activation = Literal["swish", "relu", "relu6"]
Padding = Literal["same", "symmetric"]
WeightLayout = Literal["effscale", "torchvision", "timm"]  # whose names the arrays in a file of weights bear
WidthScaling = Literal["scaled", "fixed"]
HeadScaling = Literal["scaled", "fixed", "at-least"]

EXCITABLE = ("mbconv", "fused-mbconv")  # blocks that may squeeze and excite
EXPANDING = ("mbconv", "fused-mbconv", "bottleneck")  # blocks whose `expansion` may be more than 1
KERNELS = (1, 3, 5, 7, 9)
POOL_KERNEL, POOL_STRIDE = 3, 2  # of the pooling behind a stem: arXiv 1512.03385, table 1
MIN_RESOLUTION = 8  # pixels
MAX_RESOLUTION = 8192  # pixels
MAX_WIDTH = 65_536  # channels
MAX_DEPTH = 1024  # blocks in a stage


@dataclass(frozen=True, slots=True)
class StageSpec:
    """`repeats` blocks of one kind. The first has `stride` and changes the width, the others keep both.

    `width` are the channels a block puts out. `expansion` multiplies the input channels inside an MBConv, plain or
    fused; in a bottleneck it is the ratio of the output to the channels inside, which is 4 in ResNets. `se_ratio` is
    the share of the block's *input* channels that squeeze-and-excitation keeps (0 leaves it out).
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
        _one_of(KERNELS, kernel=self.kernel)
        _one_of(get_args(BlockKind), block=self.block)
        if not 0 <= self.se_ratio <= 1:
            raise InvalidBaseline(f"se_ratio must be in [0, 1], got {self.se_ratio!r}")
        if self.se_ratio and self.block not in EXCITABLE:
            raise InvalidBaseline(
                f"se_ratio must be 0 in a {self.block} block, got {self.se_ratio!r}; {' and '.join(EXCITABLE)} take one"
            )
        if self.expansion > 1 and self.block not in EXPANDING:
            raise InvalidBaseline(
                f"expansion must be 1 in a {self.block} block, got {self.expansion}; {', '.join(EXPANDING)} take more"
            )
        if self.block == "bottleneck" and self.width % self.expansion:
            raise InvalidBaseline(
                f"the width of a bottleneck block must be a multiple of its expansion {self.expansion}, "
                f"got {self.width}"
            )

    @property
    def unit(self) -> int:
        """Output channels for each channel that rounding decides on: inside a bottleneck, else those put out."""
        return self.expansion if self.block == "bottleneck" else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What scaling leaves alone. `stem_pool` is a 3x3 max pooling of stride 2 behind the stem.

    `padding` is TensorFlow's `same` (the odd pixel goes behind) or `symmetric` as in PyTorch: sizes and costs agree,
    the numbers do not, so weights belong to one of them. `norm_epsilon` is BatchNorm's.
    """

    stem_kernel: int = 3
    stem_stride: int = 2
    stem_pool: bool = False
    activation: Activation = "swish"
    padding: Padding = "same"
    norm_epsilon: float = 1e-3  # tensorflow/tpu efficientnet_builder.py, batch_norm_epsilon

    def _check_form(self) -> None:
        _one_of(KERNELS, stem_kernel=self.stem_kernel)
        _whole(1, 4, stem_stride=self.stem_stride)
        _one_of((False, True), stem_pool=self.stem_pool)
        _one_of(get_args(Activation), activation=self.activation)
        _one_of(get_args(Padding), padding=self.padding)
        if not 0 < self.norm_epsilon <= 1:
            raise InvalidBaseline(f"norm_epsilon must be in (0, 1], got {self.norm_epsilon!r}")

    def form(self) -> dict[str, Any]:
        """The fields of this class, by name."""
        return {field.name: getattr(self, field.name) for field in fields(Form)}


@dataclass(frozen=True, slots=True)
class ScaledArchitecture(Form):
    """A network in integers. Read `stages` top to bottom, between the stem convolution and the 1x1 head.

    `head` 0 means none: the last map is averaged as it is. `resolution` is the input height and width in pixels;
    `dropout` is the rate before the classifier and `drop_path` the stochastic-depth rate that the last block
    approaches.
    """

    stem: int
    stages: tuple[StageSpec, ...]
    head: int
    resolution: int
    classes: int
    dropout: float = 0.2
    drop_path: float = 0.2

    def __post_init__(self) -> None:
        self._check_form()
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
    def features(self) -> int:
        """Channels that the classifier sees."""
        return self.head or self.stages[-1].width

    @property
    def key(self) -> str:
        """16 hexadecimal digits that name this network: all that shapes a weight, a map or its values, and no more."""
        shape = {
            "stem": self.stem,
            "stages": [list(asdict(stage).values()) for stage in self.stages],
            "head": self.head,
            "resolution": self.resolution,
            "classes": self.classes,
            **self.form(),
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
class Baseline(Form):
    """A network to scale: its stage table, what it was designed for, and its scaling rule.

    The rule: widths become multiples of `width_divisor`, never below `width_floor` of what was asked for (0: nearest,
    whatever is lost); `depth_rounding` is `ceil` or `round`; `stem_scaling` and `head_scaling` say whether these follow
    the width multiplier (`at-least`: they do, but never fall below the table's).
    """

    name: str
    stem: int
    stages: tuple[StageSpec, ...]
    head: int
    resolution: int
    classes: int
    dropout: float
    drop_path: float
    summary: str = ""
    depth_rounding: DepthRounding = "ceil"
    stem_scaling: WidthScaling = "scaled"
    head_scaling: HeadScaling = "scaled"
    width_divisor: int = WIDTH_DIVISOR
    width_floor: float = MIN_WIDTH_KEPT

    def __post_init__(self) -> None:
        self._check_form()
        if not self.stages:
            raise InvalidBaseline("a baseline needs at least one stage")
        _whole(1, MAX_WIDTH, stem=self.stem)
        _whole(0, MAX_WIDTH, head=self.head)
        _whole(1, 100_000, classes=self.classes)
        _whole(MIN_RESOLUTION, MAX_RESOLUTION, resolution=self.resolution)
        _whole(1, 256, width_divisor=self.width_divisor)
        _one_of(get_args(DepthRounding), depth_rounding=self.depth_rounding)
        _one_of(get_args(WidthScaling), stem_scaling=self.stem_scaling)
        _one_of(get_args(HeadScaling), head_scaling=self.head_scaling)
        for name in ("dropout", "drop_path"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidBaseline(f"{name} must be in [0, 1), got {getattr(self, name)!r}")
        if not 0 <= self.width_floor <= 1:
            raise InvalidBaseline(f"width_floor must be in [0, 1], got {self.width_floor!r}")

    @property
    def total_stride(self) -> int:
        """Pixels of the input for one of the last map: all strides multiplied."""
        return self.stem_stride * (POOL_STRIDE if self.stem_pool else 1) * math.prod(s.stride for s in self.stages)

    @property
    def smallest_resolution(self) -> int:
        """Pixels below which scaling never goes: the last map would have less than one, or less than it has here."""
        return max(MIN_RESOLUTION, min(self.resolution, self.total_stride))

    def depths_at(self, depth: float, rounding: DepthRounding | None = None) -> tuple[int, ...]:
        """Blocks per stage at a depth multiplier, by the table's own rounding if none is given."""
        rule = rounding or self.depth_rounding
        return tuple(round_depth(depth * stage.repeats, rule) for stage in self.stages)

    def widths_at(self, width: float) -> tuple[int, ...]:
        """Channels at a width multiplier: the stem, each stage, the head."""
        stem = self.stem if self.stem_scaling == "fixed" else self._rounded(width * self.stem)
        stages = (self._rounded(width * stage.width / stage.unit) * stage.unit for stage in self.stages)
        return stem, *stages, self._head_at(width)

    def _head_at(self, width: float) -> int:
        if self.head == 0 or self.head_scaling == "fixed":
            return self.head
        scaled = self._rounded(width * self.head)
        return max(scaled, self.head) if self.head_scaling == "at-least" else scaled

    def _rounded(self, width: float) -> int:
        return round_width(width, self.width_divisor, self.width_floor)

    def resolution_at(self, resolution: float) -> int:
        """Pixels at a resolution multiplier."""
        return round_resolution(resolution * self.resolution)

    def scale(
        self, multipliers: Multipliers, *, classes: int | None = None, rounding: DepthRounding | None = None
    ) -> ScaledArchitecture:
        """The network that these multipliers really give, after rounding.

        Raises `InvalidScaling` when a rounded integer is out of any sensible range.
        """
        pixels = self.resolution_at(multipliers.resolution)
        return self.sized(multipliers.depth, multipliers.width, pixels, classes=classes, rounding=rounding)

    def sized(
        self,
        depth: float,
        width: float,
        resolution: int,
        *,
        classes: int | None = None,
        rounding: DepthRounding | None = None,
    ) -> ScaledArchitecture:
        """The network of these multipliers at a resolution in pixels, as tables of models list them."""
        return self.build(self.depths_at(depth, rounding), self.widths_at(width), resolution, classes=classes)

    def unscaled(self, classes: int | None = None) -> ScaledArchitecture:
        """The network that everything is compared with: this table as it is, after rounding."""
        return self.sized(1.0, 1.0, self.resolution, classes=classes)

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
            stages=stages,
            head=head,
            resolution=resolution,
            classes=self.classes if classes is None else classes,
            dropout=self.dropout,
            drop_path=self.drop_path,
            **self.form(),
        )

    def document(self) -> dict[str, object]:
        """The stage table as JSON; `models.scaling.baselines.from_table` reads it back."""
        return asdict(self)


def _whole(low: int, high: int, **values: object) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidBaseline(f"{name} must be a whole number from {low} to {high}, got {value!r}")


def _one_of(allowed: Sequence[object], **values: object) -> None:
    for name, value in values.items():
        if not any(value is choice or (type(value) is type(choice) and value == choice) for choice in allowed):
            raise InvalidBaseline(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
