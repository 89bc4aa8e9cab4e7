"""The networks that can be scaled, as data."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import TypeVar, cast

from models.architecture import Baseline, StageSpec
from models.errors import InvalidBaseline, UnknownBaseline
from models.scaling import Coefficients


def _stages(*rows: tuple[int, int, int, int, int]) -> tuple[StageSpec, ...]:
    """Rows of (repeats, kernel, stride, expansion, width)."""
    return tuple(StageSpec(*row) for row in rows)


# arXiv 1905.11946, table 1; dropout and drop-connect from tensorflow/tpu efficientnet_builder.py
EFFICIENTNET_B0 = Baseline(
    name="efficientnet-b0",
    stem=32,
    stem_stride=2,
    stages=_stages(
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ),
    head=1280,
    resolution=224,
    classes=1000,
    dropout=0.2,
    drop_path=0.2,
    summary="EfficientNet-B0 as published (Tan & Le 2019): 224 px, total stride 32",
)

# Ours: the same blocks for 24 to 64 px images on a CPU. Total stride 8, so that a 24 px input still ends in a 3x3 map.
EFFICIENTNET_NANO = Baseline(
    name="efficientnet-nano",
    stem=16,
    stem_stride=2,
    # Repeats from 2 on: a single block doubles at alpha 1.01 and leaves nothing between 1 and 2. With 8 px steps 27
    # networks lie within 5 % of twice its cost.
    stages=_stages(
        (2, 3, 2, 2, 16),
        (4, 3, 2, 2, 40),
        (3, 3, 1, 2, 64),
    ),
    head=256,
    resolution=32,
    classes=10,
    dropout=0.1,
    drop_path=0.05,
    summary="MBConv blocks for small images: 32 px, total stride 8, trains in seconds on a CPU",
)

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {baseline.name: baseline for baseline in (EFFICIENTNET_B0, EFFICIENTNET_NANO)}
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

    >>> from_table(EFFICIENTNET_NANO.document()) == EFFICIENTNET_NANO
    True
    """
    rows = table.get("stages")
    if not isinstance(rows, list | tuple):
        raise InvalidBaseline("stages must be a list of objects")
    stages: list[StageSpec] = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidBaseline(f"stages/{number} must be an object, got {row!r}")
        try:
            stages.append(_filled(StageSpec, row))
        except InvalidBaseline as error:
            raise InvalidBaseline(f"stages/{number}: {error}") from None
    defaults = {"name": "custom", "dropout": 0.2, "drop_path": 0.2}
    return _filled(Baseline, {**defaults, **table, "stages": tuple(stages)})


T = TypeVar("T")


def _filled(kind: type[T], values: Mapping[str, object]) -> T:
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise InvalidBaseline(f"unknown field {unknown[0]!r}; allowed: {', '.join(known)}")
    for name in ("se_ratio", "dropout", "drop_path"):
        if name in values and (isinstance(values[name], bool) or not isinstance(values[name], int | float)):
            raise InvalidBaseline(f"{name} must be a number, got {values[name]!r}")
    for name in ("name", "summary"):
        if name in values and not (isinstance(values[name], str) and len(cast(str, values[name])) <= 200):
            raise InvalidBaseline(f"{name} must be a string of at most 200 characters")
    try:
        return kind(**values)
    except TypeError as error:
        raise InvalidBaseline(str(error).split("__init__() ")[-1]) from None
