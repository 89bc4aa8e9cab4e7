"""Which images have been decoded: records at fixed places in a file, so that a process can be killed at any time."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.data import image_record
from models.data.sources.item import Item

READ = 4096  # records looked at in one go


class Journal:
    """Record i of the file is that of image `numbers[i]`. What a file of this name holds already, counts."""

    def __init__(self, path: Path, numbers: NDArray[np.integer]) -> None:
        self.path = path
        self.done = np.zeros(len(numbers), np.bool_)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        for first in range(0, len(numbers), READ):
            data = os.pread(self._file, READ * image_record.SIZE, first * image_record.SIZE)
            for i in range(min(READ, len(data) // image_record.SIZE, len(numbers) - first)):
                whole = data[i * image_record.SIZE : (i + 1) * image_record.SIZE]
                self.done[first + i] = image_record.is_whole(whole, int(numbers[first + i]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def write(self, items: Sequence[Item], records: bytes) -> None:
        """Their pixels are written: note it."""
        for place, item in enumerate(items):
            whole = records[place * image_record.SIZE : (place + 1) * image_record.SIZE]
            os.pwrite(self._file, whole, item.slot * image_record.SIZE)
            self.done[item.slot] = True

    def records(self) -> NDArray[np.void]:
        """All of them, once all are done."""
        return np.fromfile(self.path, image_record.DTYPE, len(self.done))
