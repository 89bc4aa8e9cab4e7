"""Which data sets there are, and what the API needs to know of them without loading one: built-in and registered."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from models.data.file_layout import MANIFEST, SPRITE
from models.errors import InvalidDataset, UnknownDataset

SCHEMA = "effscale/dataset/1"
COUNTS = ("train_counts", "validation_counts")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")  # a folder name on every system, and a plain part of an address

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A labelled image set with fixed splits. Counts are images.

    `native_px` is the stored height and width, `source_px` that up to which the source itself has detail.
    `content_hash` is `Dataset.fingerprint`: 64 hexadecimal digits that change with any image, label or split.
    `train_counts` and `validation_counts` are images by class; empty where they are not known.
    """

    name: str
    classes: int
    native_px: int
    channels: int
    train: int
    validation: int
    test: int
    source: str
    summary: str
    source_px: int = 0
    content_hash: str = ""
    registered: bool = False
    train_counts: tuple[int, ...] = ()
    validation_counts: tuple[int, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "DatasetInfo":
        """Back from JSON; `InvalidDataset` names the field that is missing or of another type."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            value = document.get(field.name, field.default)
            if field.name in COUNTS:
                values[field.name] = _counts(field.name, value)
                continue
            if type(value) is not field.type:
                raise InvalidDataset(f"{field.name} of a data set must be a {field.type}, got {value!r}")
            values[field.name] = value
        return cls(**values)


def _counts(name: str, given: Any) -> tuple[int, ...]:
    if not (isinstance(given, list | tuple) and all(type(count) is int and count >= 0 for count in given)):
        raise InvalidDataset(f"{name} of a data set must be numbers of images by class, got {given!r}")
    return tuple(given)


class Datasets(Protocol):
    """Whatever knows data sets by name: a Registry, or `Pinned`."""

    def get(self, name: str) -> DatasetInfo:
        """The data set of that name; `UnknownDataset` names those there are."""
        ...


DIGITS = DatasetInfo(
    name="digits",
    classes=10,
    native_px=8,
    channels=1,
    train=1079,
    validation=359,
    test=359,
    source="UCI Optical Recognition of Handwritten Digits (test part), as carried by scikit-learn",
    summary="1,797 real handwritten digits, 8x8 pixels in 17 grey levels",
    source_px=8,
    content_hash="6d94f83225efbda6c2b94e6b4af5f90a395999a4fb005ac5aa6740dca3f05709",
    train_counts=(106, 110, 107, 109, 109, 110, 109, 107, 104, 108),
    validation_counts=(36, 36, 35, 37, 36, 36, 36, 36, 35, 36),
)
SHAPES = DatasetInfo(
    name="shapes",
    classes=8,
    native_px=48,
    channels=3,
    train=6144,
    validation=1024,
    test=1024,
    source="drawn by effscale itself",
    summary="8,192 drawn images in 48x48 pixels; fine texture, arrangement of parts and count make the class",
    source_px=48,
    content_hash="c0673f9ff29a1759c9665376b8b124734380defa32ff28bc31e6cbd7cddb9a64",
    train_counts=(768,) * 8,
    validation_counts=(128,) * 8,
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in (DIGITS, SHAPES)})
BUILT_IN = (
    Path(__file__).parent / "builtin" / "manifests"
)  # details and pictures of the built-in ones, in the registered ones' form


@dataclass(frozen=True, slots=True)
class Registry:
    """The built-in data sets, and those registered under a directory (`<data_dir>/datasets`). Reads manifests only."""

    directory: Path | None = None

    def names(self) -> tuple[str, ...]:
        """All names in alphabetical order, those of damaged manifests too."""
        return tuple(sorted({*DATASETS, *self._registered()}))

    def all(self) -> Iterator[DatasetInfo]:
        """Every data set in alphabetical order; damaged ones are left out."""
        for name in self.names():
            with suppress(InvalidDataset):
                yield self.get(name)

    def get(self, name: str) -> DatasetInfo:
        """The data set of that name.

        `UnknownDataset` names those there are; `InvalidDataset` when its manifest is damaged.
        """
        if name in DATASETS:
            return DATASETS[name]
        manifest = self._manifest(name)
        known = manifest.get("per_class")
        counts = {f"{split}_counts": known.get(split, ()) for split in ("train", "validation")} if known else {}
        return DatasetInfo.read({**manifest["info"], **counts})

    def details(self, name: str) -> Document:
        """Everything that is known of a data set, as JSON: per-class counts, mean, problems with their policies."""
        manifest = self._manifest(name)
        return {**self.get(name).document(), **{key: value for key, value in manifest.items() if key != "info"}}

    def thumbnails(self, name: str) -> Path:
        """A PNG of examples, one class a row; `details` says in `thumbnails` how it is laid out."""
        return self.folder(name) / SPRITE

    def folder(self, name: str) -> Path:
        """Where the manifest of a data set lies; `UnknownDataset` when there is none of that name."""
        if name in DATASETS:
            return BUILT_IN / name
        if self.directory is not None and NAME.fullmatch(name) and (self.directory / name / MANIFEST).is_file():
            return self.directory / name
        raise UnknownDataset(f"there is no data set {name!r}; there are: {', '.join(self.names())}{self._looked_in()}")

    def _looked_in(self) -> str:
        """Where registered ones would be: another directory than was meant is the usual mistake."""
        if self.directory is None:
            return ""
        return f" (looked in {self.directory}{'' if self.directory.is_dir() else ', which does not exist'})"

    def _registered(self) -> list[str]:
        if self.directory is None or not self.directory.is_dir():
            return []
        return [path.parent.name for path in self.directory.glob(f"[!.]*/{MANIFEST}")]

    def _manifest(self, name: str) -> Document:
        path = self.folder(name) / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidDataset(f"{path} cannot be read ({error}): remove the data set and add it again") from None
        if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
            raise InvalidDataset(
                f"{path} is no manifest of this version ({SCHEMA}): remove the data set and add it again"
            )
        return manifest


@dataclass(frozen=True, slots=True)
class Pinned:
    """One data set as it was known at some time, whatever became of it since."""

    info: DatasetInfo

    def get(self, name: str) -> DatasetInfo:
        """That data set, if it is asked for; otherwise as a Registry of the built-in ones."""
        return self.info if name == self.info.name else get_dataset(name)


def cache_px(info: DatasetInfo, px: int | None) -> int:
    """Size of the cache that a resolution is trained from: the registered one, doubled until it is enough.

    Never larger than the images are. A function of the data set and the resolution alone, so that a training reads the
    same pixels on every machine.
    """
    size = info.native_px
    while px is not None and size < min(px, info.source_px):
        size = min(2 * size, info.source_px)
    return size


def get_dataset(name: str) -> DatasetInfo:
    """The built-in data set of that name; `UnknownDataset` names those there are."""
    return Registry().get(name)
