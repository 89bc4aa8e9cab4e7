"""What every source gives: first its index, then its images in that order."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidDataset

SPLITS: Final = ("train", "validation", "test")
UNDECLARED: Final = -1
# names of splits as people and tools write them
SPLIT_NAMES: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
MAX_CLASSES = 100_000  # as a classifier's width goes; more is a mistaken layout
ChooseSlot = Callable[[int], int | None]  # image number -> where its pixels go, None when it is not wanted


@dataclass(frozen=True, slots=True)
class Item:
    """One image to decode. `payload`: the path of a file, its bytes, or with `shape` bare pixels."""

    number: int
    slot: int
    name: str
    payload: Path | bytes
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Index:
    """Which images there are: `labels` int32 (n,), `splits` int8 (n,) into `SPLITS` or `UNDECLARED`.

    `signature` changes with the source, `ignored` names files that are no images.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int32]
    splits: NDArray[np.int8]
    signature: str
    ignored: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __post_init__(self) -> None:
        if not len(self):
            raise InvalidDataset("the source holds no images")
        if not 2 <= len(self.classes) <= MAX_CLASSES:
            raise InvalidDataset(f"there must be 2 to {MAX_CLASSES:,} classes, got {len(self.classes):,}")
        for split in range(1, len(SPLITS)) if (self.splits >= 0).any() else ():
            beyond = np.setdiff1d(self.labels[self.splits == split], self.labels[self.splits == 0])
            if beyond.size:
                named = ", ".join(repr(self.classes[label]) for label in beyond[:10])
                raise InvalidDataset(f"{SPLITS[split]} has classes of which train has no image: {named}")


class Source(Protocol):
    """Where images come from."""

    kind: str
    path: Path

    def scan(self, name: Callable[[str], None]) -> Index:
        """Read the index, calling `name` with the name of each image in order; `InvalidDataset` says what is wrong."""
        ...

    def items(self, slot_of: ChooseSlot, names: Iterable[str]) -> Iterator[Item]:
        """The wanted images; `names` are those of `scan`, in its order. `SourceChanged` when they are gone."""
        ...
