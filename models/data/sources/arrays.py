"""Images and labels as numeric arrays in an `.npz` file."""

import hashlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.sources.item import SPLIT_NAMES, SPLITS, UNDECLARED, ChooseSlot, Index, Item
from models.errors import InvalidDataset, SourceChanged
from models.wording import counted

KEYS = (
    "expected arrays 'images' and 'labels' (or x and y, data and target), or the like for each split: "
    "x_train and y_train, val_images and val_labels …; besides perhaps 'class_names'"
)
IMAGE_WORDS, LABEL_WORDS = {"images", "image", "x", "data"}, {"labels", "label", "y", "targets", "target"}
CLASS_WORDS = {"class_names", "classes", "label_names", "names"}
CHUNK = 1024  # images looked at in one go
BYTE, UNIT = 255, 1.0  # the ranges that pixels may have: 0 to 255, or as floating point 0 to 1

Array = NDArray[Any]


@dataclass
class Arrays:
    """The arrays of the file `path`, unpacked below `scratch` so that they need not fit in memory.

    Images are (n, h, w), (n, h, w, 1 or 3) or (n, 1 or 3, h, w), whole numbers 0 to 255 or floating point 0 to 1 or 0
    to 255. Labels are whole numbers or texts, (n,) or (n, 1).
    """

    path: Path
    scratch: Path
    kind: str = "npz"

    def scan(self, name: Callable[[str], None]) -> Index:
        """Check every array, find the classes."""
        arrays = self._unpacked()
        pairs = self._pairs(arrays)
        for images, labels in pairs.values():
            _check_images(images, arrays[images])
            _check_labels(labels, arrays[labels], images, arrays[images])
        raw = np.concatenate([np.asarray(arrays[labels]).reshape(-1) for _, labels in pairs.values()])
        classes, numbers = _classes(raw, arrays)
        splits = np.concatenate([np.full(len(arrays[images]), split, np.int8) for split, (images, _) in pairs.items()])
        for images, _ in pairs.values():
            for row in range(len(arrays[images])):
                name(f"{images}[{row}]")
        status = self.path.stat()
        signature = hashlib.sha256(f"npz {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()
        return Index(classes, numbers.astype(np.int32), splits, signature)

    def items(self, slot_of: ChooseSlot, names: Iterable[str]) -> Iterator[Item]:
        """Row by row; all images of one array are taken to have one range of values."""
        arrays = self._unpacked()
        numbers = enumerate(names)
        for images, _ in self._pairs(arrays).values():
            array = _channels_last(arrays[images])
            scale = _scale(images, array)
            for row, (number, name) in zip(range(len(array)), numbers, strict=False):
                if (slot := slot_of(number)) is not None:
                    pixels = np.rint(array[row] * scale).astype(np.uint8) if scale != 1 else array[row].astype(np.uint8)
                    shape = pixels.shape[:2] if pixels.shape[-1] == 1 and pixels.ndim == 3 else pixels.shape
                    yield Item(number, slot, name, np.ascontiguousarray(pixels).tobytes(), tuple(shape))

    def _unpacked(self) -> dict[str, Array]:
        """Every array, mapped from a file of its own."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
                return {member.filename.removesuffix(".npy"): self._member(archive, member) for member in members}
        except FileNotFoundError:
            raise SourceChanged(f"{self.path} is gone") from None
        except (OSError, zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            if isinstance(error, InvalidDataset):
                raise
            raise InvalidDataset(f"{self.path} cannot be read as .npz: {error}") from None

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
        path = self.scratch / (hashlib.sha256(member.filename.encode()).hexdigest()[:16] + ".npy")
        if not path.is_file() or path.stat().st_size != member.file_size:
            with archive.open(member) as packed, path.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
        try:
            array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            if "bject" not in str(error):
                raise
            raise InvalidDataset(f"{member.filename} holds Python objects; only numbers and texts are read") from None
        return array

    def _pairs(self, arrays: Mapping[str, Array]) -> dict[int, tuple[str, str]]:
        """Names of images and labels by split, in the order of the splits."""
        images, labels = _by_split(arrays, IMAGE_WORDS), _by_split(arrays, LABEL_WORDS)
        given = ", ".join(sorted(arrays)) or "none"
        if not images or set(images) != set(labels):
            raise InvalidDataset(f"{self.path} holds the arrays {given}; {KEYS}")
        if UNDECLARED in images and len(images) > 1:
            raise InvalidDataset(f"{self.path} holds arrays with and without a split: {given}; {KEYS}")
        if UNDECLARED not in images and 0 not in images:
            raise InvalidDataset(f"{self.path} has no images of train, but {given}; {KEYS}")
        return {split: (images[split], labels[split]) for split in sorted(images)}


def _by_split(names: Iterable[str], words: set[str]) -> dict[int, str]:
    """`x_train`, `train_images` and the like: names by split. A name in two ways raises."""
    found: dict[int, str] = {}
    for name in sorted(names):
        parts = [part for part in re.split(r"[_\-.]", name.lower()) if part]
        known = [SPLIT_NAMES[part] for part in parts if part in SPLIT_NAMES]
        if len(parts) != 1 + len(known) or len(known) > 1 or not words & set(parts):
            continue
        split = SPLITS.index(known[0]) if known else UNDECLARED
        if split in found:
            raise InvalidDataset(f"{found[split]!r} and {name!r} name the same thing; {KEYS}")
        found[split] = name
    return found


def _channels_last(images: Array) -> Array:
    if images.ndim == 4 and images.shape[-1] not in (1, 3) and images.shape[1] in (1, 3):
        return images.transpose(0, 2, 3, 1)
    return images


def _check_images(name: str, images: Array) -> None:
    shape = _channels_last(images).shape
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[-1] not in (1, 3)) or 0 in shape:
        raise InvalidDataset(
            f"{name} has the shape {images.shape}; images are (n, height, width), (n, height, width, 1 or 3) or "
            "(n, 1 or 3, height, width)"
        )
    if images.dtype.kind not in "uif":
        raise InvalidDataset(f"{name} holds {images.dtype}; pixels are whole numbers or floating point")
    _scale(name, images)


def _scale(name: str, images: Array) -> float:
    """What makes bytes of the values: 1, or 255 for floating point from 0 to 1. Anything else raises."""
    if images.dtype == np.uint8:
        return 1.0
    low, high = np.inf, -np.inf
    for first in range(0, len(images), CHUNK):
        part = images[first : first + CHUNK]
        low, high = float(np.minimum(low, part.min())), float(np.maximum(high, part.max()))  # NaN stays NaN
    if not (0 <= low <= high <= BYTE):
        raise InvalidDataset(f"{name} has values from {low:g} to {high:g}; pixels are 0 to 255, or 0 to 1 as floats")
    return float(BYTE) if images.dtype.kind == "f" and high <= UNIT else 1.0


def _check_labels(name: str, labels: Array, images_name: str, images: Array) -> None:
    if labels.dtype.kind not in "uiSU" or labels.size != len(labels) or labels.ndim > 2 or labels.ndim == 0:
        raise InvalidDataset(
            f"{name} is {labels.dtype} of the shape {labels.shape}; labels are whole numbers or texts, one an image"
        )
    if len(labels) != len(images):
        raise InvalidDataset(
            f"{images_name} has {counted(len(images), 'image')} and {name} {counted(len(labels), 'label')}"
        )


def _classes(raw: Array, arrays: Mapping[str, Array]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Names of the classes, and each label as a number. Numbers count from 0 where names are given."""
    values, numbers = np.unique(raw, return_inverse=True)
    names: Sequence[str] = [
        value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values
    ]
    given = next((np.asarray(arrays[key]).reshape(-1) for key in sorted(arrays) if key.lower() in CLASS_WORDS), None)
    if given is not None and raw.dtype.kind in "ui":
        if given.dtype.kind not in "SU" or values[0] < 0 or values[-1] >= len(given):
            raise InvalidDataset(
                f"labels run from {values[0]} to {values[-1]} and the file names "
                f"{counted(len(given), 'class', 'classes')}: label i is name i"
            )
        return tuple(map(str, given)), raw.astype(np.intp)
    return tuple(names), numbers.reshape(-1)
