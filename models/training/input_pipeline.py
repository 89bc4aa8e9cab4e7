"""How images come to the device: all of them once, or a chunk of steps at a time while the chunk before it trains."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.training.devices import put, put_rows
from models.training.program_shape import Method
from models.training.steps import Pixels

CPU_RESIDENT_BYTES = 2 * 2**30  # a program's images and its maps share the memory of the machine
DEVICE_SHARE = 0.5  # of an accelerator's memory; the other half is for weights and maps
CHUNK_BYTES = 64 * 2**20  # some 400 images of 224 px: reading them takes much longer than handing them over


class Portion(NamedTuple):
    """Some steps, and what a program needs for them: the images, their rows there, and which step row 0 belongs to."""

    pixels: Pixels
    rows: Array
    base: int
    steps: range


def resident_bytes() -> int:
    """How many bytes of images may lie on this process's device as a whole."""
    device = jax.devices()[0]
    limit = (device.memory_stats() or {}).get("bytes_limit") if device.platform != "cpu" else None
    return int(limit * DEVICE_SHARE) if limit else CPU_RESIDENT_BYTES


def chunk_steps(dataset: Dataset, batch_size: int, budget: int) -> int:
    """Steps in a chunk for a data set of more than `budget` bytes; 0 if it fits."""
    if sum(split.images.nbytes for split in dataset.splits) <= budget:
        return 0
    batch = min(batch_size, len(dataset.train))
    step = batch * int(np.prod(dataset.train.images.shape[1:]))
    return max(1, min(CHUNK_BYTES // step, max(1, len(dataset.train) // batch)))


@lru_cache(maxsize=4)
def on_device(dataset: Dataset, devices: int = 1) -> Pixels:
    """All splits of a data set on the device, or on each of several, once for all trainings of a process."""
    splits = dataset.splits
    images, labels = np.concatenate([s.images for s in splits]), np.concatenate([s.labels for s in splits])
    pixels = Pixels(*(jax.device_put(array) for array in (images, labels, dataset.mean, dataset.deviation)))
    return put(pixels, devices)


@dataclass(frozen=True, slots=True)
class Resident:
    """All images on the device."""

    pixels: Pixels
    devices: int = 1

    def portions(self, rows: NDArray[np.int32], steps: range) -> Iterator[Portion]:
        """One, with everything."""
        yield Portion(self.pixels, put_rows(rows, self.devices), 0, steps)


@dataclass(frozen=True, slots=True)
class Streamed:
    """Images on the disk (memory-mapped) or in the host's memory. The numbers are those of `Resident`, to the bit."""

    dataset: Dataset
    method: Method

    def portions(self, rows: NDArray[np.int32], steps: range) -> Iterator[Portion]:
        """One after the other; the next is read by a thread of its own while this one is worked on."""
        chunk = self.method.chunk
        parts = [steps[start : start + chunk] for start in range(0, len(steps), chunk)]
        with ThreadPoolExecutor(1, thread_name_prefix="images") as reader:
            coming = [reader.submit(self._read, rows, part) for part in parts[:1]]
            for number in range(len(parts)):
                portion = coming.pop().result()
                coming += [reader.submit(self._read, rows, part) for part in parts[number + 1 : number + 2]]
                yield portion

    def _read(self, rows: NDArray[np.int32], steps: range) -> Portion:
        count, batch = self.method.rows_shape
        wanted = np.full((count, batch), -1, np.int32)
        wanted[: len(steps)] = rows[steps.start : steps.stop]
        images, labels = self._gathered(wanted.ravel())
        places = np.where(wanted >= 0, np.arange(count * batch, dtype=np.int32).reshape(count, batch), -1)
        arrays = images, labels, self.dataset.mean, self.dataset.deviation
        pixels = Pixels(*(jax.device_put(array) for array in arrays))
        devices = self.method.devices
        return Portion(put(pixels, devices), put_rows(places.astype(np.int32), devices), steps.start, steps)

    def _gathered(self, rows: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Images and labels of rows counted through all splits, zeros for -1. Read in the order of the disk."""
        data = self.dataset
        images = np.zeros((len(rows), *data.train.images.shape[1:]), np.uint8)
        labels = np.zeros(len(rows), np.int32)
        order = np.argsort(rows, kind="stable")
        start = 0
        for split in data.splits:
            first, last = np.searchsorted(rows, [start, start + len(split)], sorter=order)
            places = order[first:last]
            images[places] = split.images[rows[places] - start]
            labels[places] = split.labels[rows[places] - start]
            start += len(split)
        return images, labels
