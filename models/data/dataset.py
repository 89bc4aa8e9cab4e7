"""A labelled image set in memory, with fixed splits."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from models.data.registry import get_dataset

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, eq=False)
class Split:
    """`images` uint8 (n, height, width, channels) with 1 or 3 channels, `labels` int32 (n,)."""

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

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Of the train split's pixels (0 to 255), per channel."""
        mean: NDArray[np.float32] = self.train.images.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
        return mean

    @cached_property
    def deviation(self) -> NDArray[np.float32]:
        """Standard deviation of the train split's pixels, per channel; at least 1, so that it can divide."""
        spread: NDArray[np.float64] = self.train.images.std((0, 1, 2), dtype=np.float64)
        deviation: NDArray[np.float32] = np.maximum(spread, 1.0).astype(np.float32)
        return deviation

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every image and label of every split, in order."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(repr(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).tobytes())
            digest.update(split.labels.astype("<i4").tobytes())
        return digest.hexdigest()


LOADERS: Mapping[str, str] = MappingProxyType({"digits": "models.data.digits"})


@lru_cache(maxsize=4)
def load(name: str) -> Dataset:
    """The data set of that name, read once a process. `UnknownDataset` names those there are."""
    get_dataset(name)
    loader = cast(Callable[[], Dataset], import_module(LOADERS[name]).load)
    return loader()
