"""A labelled image set with fixed splits, in memory or mapped from its cache."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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

    recorded: "RecordedStatistics | None" = field(default=None, kw_only=True)

    @property
    def splits(self) -> tuple[Split, Split, Split]:
        """Train, validation and test."""
        return self.train, self.validation, self.test

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Of the train split's pixels (0 to 255), per channel."""
        if self.recorded is not None:
            return np.array(self.recorded.mean, np.float32)
        mean: NDArray[np.float32] = self.train.images.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
        return mean

    @cached_property
    def deviation(self) -> NDArray[np.float32]:
        """Standard deviation of the train split's pixels, per channel; at least 1, so that it can divide."""
        if self.recorded is not None:
            return np.maximum(np.array(self.recorded.deviation, np.float32), np.float32(1))
        spread: NDArray[np.float64] = self.train.images.std((0, 1, 2), dtype=np.float64)
        deviation: NDArray[np.float32] = np.maximum(spread, 1.0).astype(np.float32)
        return deviation

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every image and label of every split, in order: `DatasetInfo.content_hash`."""
        if self.recorded is not None:
            return self.recorded.content_hash
        digest = hashlib.sha256()
        for split in self.splits:
            digest.update(repr(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).tobytes())
            digest.update(split.labels.astype("<i4").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class RecordedStatistics:
    """What a manifest says of a data set, so that gigabytes need not be read for it."""

    content_hash: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
