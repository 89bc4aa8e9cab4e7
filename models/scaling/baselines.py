"""The networks that can be scaled, as data: stage tables, each with its scaling rule."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from types import MappingProxyType
from typing import TypeVar

from models.errors import InvalidBaseline, UnknownBaseline
from models.scaling.architecture import Baseline, BlockKind, StageSpec
from models.scaling.coefficients import Coefficients

READ_ONLY = ("extends", "cost", "presets")
MAX_TEXT = 200  # characters of a name or a summary


def _stages(*rows: tuple[int, int, int, int, int], block: BlockKind, se_ratio: float = 0.0) -> tuple[StageSpec, ...]:
    """Rows of (repeats, kernel, stride, expansion, width), all of one block."""
    return tuple(StageSpec(*row, se_ratio, block) for row in rows)


# arXiv 1905.11946, table 1; dropout and drop-connect from tensorflow/tpu efficientnet_builder.py
EFFICIENTNET_B0 = Baseline(
    name="efficientnet-b0",
    stem=32,
    stages=_stages(
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
        block="mbconv",
        se_ratio=0.25,
    ),
    head=1280,
    resolution=224,
    classes=1000,
    dropout=0.2,
    drop_path=0.2,
    summary="EfficientNet-B0 as published (Tan & Le 2019): 224 px, total stride 32",
)

# arXiv 2010.14819 and timm's tinynet: B0's table shrunk; depth is rounded to the nearest, the stem stays, the head does
# not shrink
TINYNET = replace(
    EFFICIENTNET_B0,
    name="tinynet",
    depth_rounding="round",
    stem_scaling="fixed",
    head_scaling="at-least",
    summary="EfficientNet-B0 with TinyNet's rounding (Han et al. 2020): depth to the nearest, fixed stem, full head",
)

# google/automl effnetv2_configs.py, v2_base_block; its rounding has no 10 % rule. 192 px in training, 224 evaluated
EFFICIENTNETV2_B0 = Baseline(
    name="efficientnetv2-b0",
    stem=32,
    stages=(
        *_stages((1, 3, 1, 1, 16), (2, 3, 2, 4, 32), (2, 3, 2, 4, 48), block="fused-mbconv"),
        *_stages((3, 3, 2, 4, 96), (5, 3, 1, 6, 112), (8, 3, 2, 6, 192), block="mbconv", se_ratio=0.25),
    ),
    head=1280,
    resolution=224,
    classes=1000,
    dropout=0.2,
    drop_path=0.2,
    summary="EfficientNetV2-B0 (Tan & Le 2021): fused MBConv in the first stages, 224 px, total stride 32",
    width_floor=0.0,
)

# arXiv 1704.04861, table 1
MOBILENET_V1 = Baseline(
    name="mobilenet-v1",
    stem=32,
    stages=_stages(
        (1, 3, 1, 1, 64), (2, 3, 2, 1, 128), (2, 3, 2, 1, 256), (6, 3, 2, 1, 512), (2, 3, 2, 1, 1024), block="separable"
    ),
    head=0,
    resolution=224,
    classes=1000,
    dropout=0.0,
    drop_path=0.0,
    summary="MobileNetV1 (Howard et al. 2017): depthwise separable convolutions, 224 px, total stride 32",
    activation="relu6",
)

# arXiv 1801.04381, table 2; the head does not shrink (section 6.1), dropout as in tf-slim's mobilenet_v2
MOBILENET_V2 = Baseline(
    name="mobilenet-v2",
    stem=32,
    stages=_stages(
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (3, 3, 2, 6, 32),
        (4, 3, 2, 6, 64),
        (3, 3, 1, 6, 96),
        (3, 3, 2, 6, 160),
        (1, 3, 1, 6, 320),
        block="mbconv",
    ),
    head=1280,
    resolution=224,
    classes=1000,
    dropout=0.2,
    drop_path=0.0,
    summary="MobileNetV2 (Sandler et al. 2018): inverted residuals without squeeze-and-excitation, 224 px",
    activation="relu6",
    head_scaling="at-least",
)

# arXiv 1512.03385, table 1, as torchvision builds it: the stride of a bottleneck on its 3x3, symmetric padding
RESNET_18 = Baseline(
    name="resnet-18",
    stem=64,
    stages=_stages((2, 3, 1, 1, 64), (2, 3, 2, 1, 128), (2, 3, 2, 1, 256), (2, 3, 2, 1, 512), block="basic"),
    head=0,
    resolution=224,
    classes=1000,
    dropout=0.0,
    drop_path=0.0,
    summary="ResNet-18 (He et al. 2015): 7x7 stem, max pooling, basic residual blocks, 224 px",
    stem_kernel=7,
    stem_pool=True,
    activation="relu",
    padding="symmetric",
    norm_epsilon=1e-5,
)

RESNET_50 = replace(
    RESNET_18,
    name="resnet-50",
    stages=_stages((3, 3, 1, 4, 256), (4, 3, 2, 4, 512), (6, 3, 2, 4, 1024), (3, 3, 2, 4, 2048), block="bottleneck"),
    summary="ResNet-50 (He et al. 2015): 7x7 stem, max pooling, bottleneck residual blocks, 224 px",
)

# Ours: the same blocks for 24 to 64 px images on a CPU. Total stride 8, so that a 24 px input still ends in a 3x3 map.
EFFICIENTNET_NANO = Baseline(
    name="efficientnet-nano",
    stem=16,
    # Repeats from 2 on: a single block doubles at alpha 1.01 and leaves nothing between 1 and 2. With 8 px steps 27
    # networks lie within 5 % of twice its cost.
    stages=_stages((2, 3, 2, 2, 16), (4, 3, 2, 2, 40), (3, 3, 1, 2, 64), block="mbconv", se_ratio=0.25),
    head=256,
    resolution=32,
    classes=10,
    dropout=0.1,
    drop_path=0.05,
    summary="MBConv blocks for small images: 32 px, total stride 8, trains in seconds on a CPU",
)

# Ours: so small that scaling it pays, for images as small as scikit-learn's digits. Widths are multiples of 4:
# with 8 there would be nothing between 8 and 16 channels.
EFFICIENTNET_PICO = Baseline(
    name="efficientnet-pico",
    stem=8,
    stages=_stages((2, 3, 1, 1, 8), (2, 3, 1, 1, 8), (2, 3, 1, 1, 12), block="mbconv", se_ratio=0.25),
    head=32,
    resolution=8,
    classes=10,
    dropout=0.1,
    drop_path=0.05,
    width_divisor=4,
    summary="MBConv blocks for 8 px digits: total stride 2, so small that scaling it pays",
)

EFFICIENTNETV2_NANO = Baseline(
    name="efficientnetv2-nano",
    stem=16,
    stages=(
        *_stages((2, 3, 1, 1, 16), (3, 3, 2, 2, 24), block="fused-mbconv"),
        *_stages((4, 3, 2, 4, 48), block="mbconv", se_ratio=0.25),
    ),
    head=256,
    resolution=32,
    classes=10,
    dropout=0.1,
    drop_path=0.05,
    summary="EfficientNetV2's blocks, plain and fused, for small images: 32 px, total stride 8",
    width_floor=0.0,
)

RESNET_NANO = Baseline(
    name="resnet-nano",
    stem=12,
    stages=_stages((2, 3, 1, 1, 12), (3, 3, 2, 1, 24), (4, 3, 2, 1, 48), block="basic"),
    head=0,
    resolution=32,
    classes=10,
    dropout=0.1,
    drop_path=0.0,
    summary="ResNet's basic blocks for small images: 3x3 stem, max pooling, 32 px, total stride 8",
    stem_stride=1,
    stem_pool=True,
    activation="relu",
    padding="symmetric",
    norm_epsilon=1e-5,
    width_divisor=4,  # with 8 px steps 11 networks then lie within 5 % of twice its cost; with 8 there would be one
)

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        baseline.name: baseline
        for baseline in (
            EFFICIENTNET_B0,
            EFFICIENTNETV2_B0,
            TINYNET,
            MOBILENET_V1,
            MOBILENET_V2,
            RESNET_18,
            RESNET_50,
            EFFICIENTNET_NANO,
            EFFICIENTNET_PICO,
            EFFICIENTNETV2_NANO,
            RESNET_NANO,
        )
    }
)

# arXiv 1905.11946, section 5: the published winner of the grid search at phi = 1
PAPER_COEFFICIENTS = Coefficients(1.2, 1.1, 1.15)


def get_baseline(name: str) -> Baseline:
    """The baseline of that name; `UnknownBaseline` names those there are."""
    try:
        return BASELINES[name]
    except KeyError:
        raise UnknownBaseline(f"there is no baseline {name!r}; there are: {', '.join(sorted(BASELINES))}") from None


def from_table(table: Mapping[str, object]) -> Baseline:
    """A user's own stage table, as `Baseline.document` writes it. Errors point at the stage.

    With `extends` it is that baseline with the other fields changed. `cost` and `presets`, which the service shows
    beside a table, are not read: they follow from the rest.

    >>> from_table(EFFICIENTNET_NANO.document()) == EFFICIENTNET_NANO
    True
    >>> from_table({"extends": "efficientnet-nano", "padding": "symmetric"}).padding
    'symmetric'
    """
    given = {name: value for name, value in table.items() if name not in READ_ONLY}
    known: Mapping[str, object] = {"name": "custom", "dropout": 0.2, "drop_path": 0.2}
    if "extends" in table:
        parent = get_baseline(_text("extends", table["extends"]))
        known = {**parent.document(), "name": f"{parent.name}-changed", "summary": ""}
    rows = given.get("stages", known.get("stages"))
    if not isinstance(rows, list | tuple):
        raise InvalidBaseline(f"stages must be a list of objects, got {rows!r}")
    stages = tuple(_stage(number, row) for number, row in enumerate(rows))
    return _filled(Baseline, {**known, **given, "stages": stages})


def _stage(number: int, row: object) -> StageSpec:
    if not isinstance(row, Mapping):
        raise InvalidBaseline(f"stages/{number} must be an object, got {row!r}")
    block = row.get("block", "mbconv")
    defaults = {"se_ratio": 0.25} if block == "mbconv" else {"se_ratio": 0.0, "expansion": 1}
    try:
        return _filled(StageSpec, {**defaults, **row})
    except InvalidBaseline as error:
        raise InvalidBaseline(f"stages/{number}: {error}") from None


T = TypeVar("T")


def _filled(kind: type[T], values: Mapping[str, object]) -> T:
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise InvalidBaseline(f"unknown field {unknown[0]!r}; allowed: {', '.join(known)}")
    for name in ("se_ratio", "dropout", "drop_path", "norm_epsilon", "width_floor"):
        if name in values and (isinstance(values[name], bool) or not isinstance(values[name], int | float)):
            raise InvalidBaseline(f"{name} must be a number, got {values[name]!r}")
    for name in ("name", "summary"):
        if name in values:
            _text(name, values[name])
    needed = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
    if missing := [name for name in needed if name not in values]:
        raise InvalidBaseline(f"missing: {', '.join(map(repr, missing))}")
    return kind(**values)


def _text(name: str, value: object) -> str:
    if not (isinstance(value, str) and len(value) <= MAX_TEXT):
        raise InvalidBaseline(f"{name} must be a string of at most {MAX_TEXT} characters, got {value!r:.80}")
    return value
