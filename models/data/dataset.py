"""A labelled image set with fixed splits, in memory or mapped from its cache."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from models.data.registry import Registry, cache_px

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, eq=False)
class Split:
    """`images` uint8 (n, height, width, channels) with 1 or 3 channels, perhaps mapped from a file, and `labels`
    int32 (n,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one source. Choose on `validation`; `test` is for the winners, once."""

    name: str
    classes: int
    train: Split
    validation: Split
    test: Split

    known: "Known | None" = field(default=None, kw_only=True)

    @property
    def splits(self) -> tuple[Split, Split, Split]:
        """Train, validation and test."""
        return self.train, self.validation, self.test

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Of the train split's pixels (0 to 255), per channel."""
        if self.known is not None:
            return np.array(self.known.mean, np.float32)
        mean: NDArray[np.float32] = self.train.images.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
        return mean

    @cached_property
    def deviation(self) -> NDArray[np.float32]:
        """Standard deviation of the train split's pixels, per channel; at least 1, so that it can divide."""
        if self.known is not None:
            return np.maximum(np.array(self.known.deviation, np.float32), np.float32(1))
        spread: NDArray[np.float64] = self.train.images.std((0, 1, 2), dtype=np.float64)
        deviation: NDArray[np.float32] = np.maximum(spread, 1.0).astype(np.float32)
        return deviation

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every image and label of every split, in order: `DatasetInfo.content_hash`."""
        if self.known is not None:
            return self.known.content_hash
        digest = hashlib.sha256()
        for split in self.splits:
            digest.update(repr(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).tobytes())
            digest.update(split.labels.astype("<i4").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """What a manifest says of a data set, so that gigabytes need not be read for it."""

    content_hash: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


LOADERS: Mapping[str, str] = MappingProxyType({"digits": "models.data.digits", "shapes": "models.data.shapes"})


def load(name: str, directory: Path | None = None, *, px: int | None = None) -> Dataset:
    """The data set of that name, built in or registered below `directory`; read once a process.

    `px` is the largest resolution that will be asked for: where the cache of a registered one is smaller than that and
    than the images are, a larger one is made first, once (minutes; it is logged). `UnknownDataset` names those there
    are; `InvalidDataset` and `SourceChanged` say what is damaged or gone.
    """
    info = Registry(directory).get(name)
    if directory is None or not info.registered:
        return _built_in(name)
    return _registered(directory, name, info.content_hash, cache_px(info, px))


@lru_cache(maxsize=4)
def _built_in(name: str) -> Dataset:
    loader = cast(Callable[[], Dataset], import_module(LOADERS[name]).load)
    return loader()


@lru_cache(maxsize=4)
def _registered(directory: Path, name: str, content_hash: str, px: int) -> Dataset:  # noqa: ARG001 part of the key
    """`content_hash` tells a data set from an earlier one of its name."""
    from models.data.registered import open_registered

    return open_registered(directory, name, px)
