"""Parquet files as the Hugging Face hub lays images out: a struct of bytes and path, and a class label."""

import hashlib
import json
import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.data.sources.item import SPLIT_NAMES, SPLITS, UNDECLARED, ChooseSlot, Index, Item
from models.errors import InvalidDataset, SourceChanged

if TYPE_CHECKING:
    from arro3.core import RecordBatch, RecordBatchReader

IMAGE_COLUMNS, LABEL_COLUMNS = ("image", "img"), ("label", "labels")
LAYOUT = "expected a column 'image' (a struct of bytes and path, or bytes) and a column 'label'"
ROWS = 64  # a batch: of photographs some 10 MB
MAGIC = b"PAR1"
INSTALL = 'reading Parquet needs the extra: pip install "effscale[parquet]"'


@dataclass
class Parquet:
    """The file `path`, or all `.parquet` files below it. File or directory names tell the splits."""

    path: Path
    kind: str = "parquet"

    def scan(self, name: Callable[[str], None]) -> Index:
        """Read all labels."""
        labels, splits, raw = array("i"), array("b"), list[str]()
        signature = hashlib.sha256(b"parquet")
        names: list[str] | None = None
        for split, path in self._files():
            status = path.stat()
            signature.update(f"{path.name}\0{split}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
            reader = _open(path)
            _, label = _columns(path, reader)
            names = names or _class_names(reader, label)
            for batch in _batches(path, reader):
                found = list(batch.column(label).to_pylist())
                _check(path, found)
                raw += map(str, found) if names is None else ()
                labels.extend(found if names is not None else (0,) * len(found))
                splits.extend([split] * len(found))
                for row in range(len(splits) - len(found), len(splits)):
                    name(f"{path.name}[{row}]")
        return _index(labels, splits, raw, names, signature.hexdigest())

    def items(self, slot_of: ChooseSlot, names: Iterable[str]) -> Iterator[Item]:
        """In the order of files and rows."""
        numbers = enumerate(names)
        for _, path in self._files():
            reader = _open(path)
            image, _ = _columns(path, reader)
            for batch in _batches(path, reader):
                column = batch.column(image)
                for row, (number, name) in zip(range(batch.num_rows), numbers, strict=False):
                    if (slot := slot_of(number)) is not None:
                        yield Item(number, slot, name, _bytes(column[row].as_py()))

    def _files(self) -> list[tuple[int, Path]]:
        if self.path.is_file():
            return [(UNDECLARED, self.path)]
        files = sorted(self.path.rglob("*.parquet"))
        if not files:
            raise SourceChanged(f"{self.path} holds no .parquet files any more")
        splits = [_split(path.relative_to(self.path)) for path in files]
        if len({split is None for split in splits}) > 1:
            bare = next(path for path, split in zip(files, splits, strict=True) if split is None)
            raise InvalidDataset(f"some files name their split and others do not: {bare} for one")
        return sorted((UNDECLARED if s is None else s, path) for s, path in zip(splits, files, strict=True))


def _split(path: Path) -> int | None:
    """Of `train-00000-of-00002.parquet`, `validation.parquet`, `test/0.parquet` and the like."""
    words = [re.split(r"[-_.]", part)[0].lower() for part in reversed(path.parts)]
    return next((SPLITS.index(SPLIT_NAMES[word]) for word in words if word in SPLIT_NAMES), None)


def _open(path: Path) -> "RecordBatchReader":
    try:
        from arro3.io import read_parquet
    except ImportError:
        raise InvalidDataset(INSTALL) from None
    try:
        with path.open("rb") as file:
            first = file.read(4)
            file.seek(-4, os.SEEK_END)
            whole = first == file.read(4) == MAGIC
        if not whole:
            raise InvalidDataset(f"{path} is no Parquet file, or was cut: it does not begin and end with PAR1")
        with _silent():
            return read_parquet(path, batch_size=ROWS)
    except OSError as error:
        raise InvalidDataset(f"{path} cannot be read: {error.strerror or error}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how the reader says that a footer makes no sense
            raise
        raise InvalidDataset(f"{path} is damaged: {error}") from None


def _batches(path: Path, reader: "RecordBatchReader") -> Iterator["RecordBatch"]:
    try:
        yield from reader
    except InvalidDataset:
        raise
    except Exception as error:  # noqa: BLE001 the reader's errors have no class of their own that could be named
        raise InvalidDataset(f"{path} is damaged: {error}") from None


def _columns(path: Path, reader: "RecordBatchReader") -> tuple[str, str]:
    names = list(reader.schema.names)
    image = next((name for name in IMAGE_COLUMNS if name in names), None)
    label = next((name for name in LABEL_COLUMNS if name in names), None)
    if image is None or label is None:
        raise InvalidDataset(f"{path} has the columns {', '.join(names)}; {LAYOUT}")
    return image, label


def _class_names(reader: "RecordBatchReader", label: str) -> list[str] | None:
    """Of the ClassLabel in the schema's metadata; None where there is none."""
    try:
        metadata = {bytes(key): value for key, value in reader.schema.metadata.items()}
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][label]
        names = feature.get("names") or feature["feature"]["names"]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return [str(name) for name in names]


def _check(path: Path, labels: list[Any]) -> None:
    if any(not isinstance(label, int | str) or label == -1 for label in labels):
        wrong = next(label for label in labels if not isinstance(label, int | str) or label == -1)
        raise InvalidDataset(
            f"{path} has rows without a label ({wrong!r}): leave the file out, or give PATH the others only"
        )


def _index(
    labels: "array[int]", splits: "array[int]", raw: list[str], names: list[str] | None, signature: str
) -> Index:
    parts = np.frombuffer(splits, np.int8)
    if names is not None:
        numbers = np.frombuffer(labels, np.int32)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(names):
            raise InvalidDataset(
                f"labels run from {numbers.min()} to {numbers.max()} and {len(names):,} classes are named"
            )
        return Index(tuple(names), numbers, parts, signature)
    known = sorted(set(raw), key=lambda value: (not value.isdigit(), int(value) if value.isdigit() else 0, value))
    place = {value: number for number, value in enumerate(known)}
    return Index(tuple(known), np.array([place[value] for value in raw], np.int32), parts, signature)


def _bytes(image: Any) -> bytes:
    """Of a struct or of bare bytes; nothing where a row holds none, which then counts as corrupt."""
    found = image.get("bytes") if isinstance(image, dict) else image
    return found if isinstance(found, bytes) else b""


@contextmanager
def _silent() -> Iterator[None]:
    """The reader prints its own trace before it raises: what we say is enough."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
