"""The cache: rows of px by px RGB bytes in one file, written in the order of the splits and mapped when read."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidDataset
from models.wording import decimal_size

log = logging.getLogger("effscale.data")

RGB = 3
CHUNK_BYTES = 1 << 20  # of pixels in memory at a time
LEVELS = 256


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of pixels from 0 to 255, per channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def reserve(path: Path, rows: int, px: int) -> None:
    """Make a file of that many rows, or leave the one there is; `InvalidDataset` when the disk is too full."""
    size = rows * row_bytes(px)
    with path.open("ab") as file:
        if file.tell() == size:
            return
        try:
            os.truncate(path, 0)
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise InvalidDataset(
                f"{rows:,} images of {px} px need {decimal_size(size)} at {path.parent}: {error.strerror}"
            ) from None


def row_bytes(px: int) -> int:
    """Of one image."""
    return px * px * RGB


def gather(source: Path, target: Path, order: NDArray[np.intp], px: int) -> None:
    """Write the rows of `source` into `target` in that order. Where none changes its place, both are one file."""
    target.unlink(missing_ok=True)
    if np.array_equal(order, np.arange(source.stat().st_size // row_bytes(px))):
        try:
            target.hardlink_to(source)
        except OSError:
            log.debug("%s: no hard links here, the pixels are copied", target.parent)
        else:
            return
    reserve(target, len(order), px)
    buffer = bytearray(row_bytes(px))
    with source.open("rb", buffering=0) as read, target.open("r+b", buffering=CHUNK_BYTES) as write:
        for row in order:
            os.preadv(read.fileno(), [buffer], int(row) * row_bytes(px))
            write.write(buffer)


def statistics(path: Path, rows: int, px: int) -> Statistics:
    """Of the first `rows` rows, from exact counts of each value."""
    counts = np.zeros((RGB, LEVELS), np.int64)
    for chunk in _chunks(path, rows * row_bytes(px)):
        pixels = chunk.reshape(-1, RGB)
        for channel in range(RGB):
            counts[channel] += np.bincount(pixels[:, channel], minlength=LEVELS)
    levels, total = np.arange(LEVELS), rows * px * px
    mean = (counts @ levels) / total
    variance = (counts @ levels**2) / total - mean**2
    return Statistics(tuple(map(float, mean)), tuple(map(float, np.sqrt(np.maximum(variance, 0)))))


def opened(path: Path, rows: int, px: int) -> NDArray[np.uint8]:
    """The rows as a mapped array (rows, px, px, 3); `InvalidDataset` when the file is not of that size."""
    if not path.is_file() or path.stat().st_size != rows * row_bytes(px):
        raise InvalidDataset(f"{path} is missing or damaged: remove the data set and add it again")
    return np.memmap(path, np.uint8, "r", shape=(rows, px, px, RGB))


def _chunks(path: Path, size: int) -> Iterator[NDArray[np.uint8]]:
    step = CHUNK_BYTES // RGB * RGB
    with path.open("rb", buffering=0) as file:
        for first in range(0, size, step):
            yield np.frombuffer(file.read(min(step, size - first)), np.uint8)
