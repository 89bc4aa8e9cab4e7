"""A directory for each class, perhaps under directories for the splits."""

import hashlib
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from models.data.decode import SUFFIXES
from models.data.sources.item import SPLIT_NAMES, SPLITS, UNDECLARED, ChooseSlot, Index, Item
from models.errors import InvalidDataset, SourceChanged
from models.wording import counted

LAYOUT = "expected PATH/CLASS/IMAGE, or PATH/train/CLASS/IMAGE with val and test beside train"
JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # what file managers leave behind, besides hidden files
IGNORED = 1000  # names that are remembered
HEAD_BYTES = 16
# first bytes of the formats in `decode.FORMATS`; the zero bytes of BMP and TIFF are what keeps texts out
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")


@dataclass
class Folder:
    """Images below `path`. Other files are left out and named."""

    path: Path
    kind: str = "folder"

    def scan(self, name: Callable[[str], None]) -> Index:
        """Walk the directories, one at a time, in alphabetical order."""
        splits = self._splits()
        classes = tuple(sorted({found for folder in splits.values() for found in _entries(folder)[0]}))
        self._check(splits, classes)
        labels, parts, ignored = array("i"), array("b"), list[str]()
        signature = hashlib.sha256(b"folder")
        for split, folder in splits.items():
            for label, found in enumerate(classes):
                for path in _files(folder / found, ignored):
                    size, changed = _version(path)
                    relative = path.relative_to(self.path).as_posix()
                    name(relative)
                    labels.append(label)
                    parts.append(split)
                    entry = f"{relative}\0{label}\0{split}\0{size}\0{changed}\n"
                    signature.update(entry.encode(errors="surrogateescape"))
        if not labels:
            raise InvalidDataset(f"{self.path} holds no image files below its directories; {LAYOUT}")
        arrays = np.frombuffer(labels, np.int32), np.frombuffer(parts, np.int8)
        return Index(classes, *arrays, signature.hexdigest(), tuple(ignored))

    def items(self, slot_of: ChooseSlot, names: Iterable[str]) -> Iterator[Item]:
        """The files of these names, whatever else lies there by now."""
        for number, name in enumerate(names):
            if (slot := slot_of(number)) is not None:
                yield Item(number, slot, name, self.path / name)

    def _splits(self) -> Mapping[int, Path]:
        """Directories of classes by split; `UNDECLARED` for a single one."""
        if not self.path.is_dir():
            raise SourceChanged(f"{self.path} is no directory any more")
        top = _entries(self.path)[0]
        named = {found: SPLIT_NAMES[found.lower()] for found in top if found.lower() in SPLIT_NAMES}
        if not named:
            return {UNDECLARED: self.path}
        if others := sorted(set(top) - set(named)):
            raise InvalidDataset(
                f"{self.path} holds directories of splits ({', '.join(sorted(named))}) and others "
                f"({', '.join(others[:5])}): the others must go; {LAYOUT}"
            )
        if len(set(named.values())) < len(named):
            raise InvalidDataset(f"{self.path} names one split twice: {', '.join(sorted(named))}")
        if "train" not in named.values():
            raise InvalidDataset(f"{self.path} has {', '.join(sorted(named))} and no train; {LAYOUT}")
        return {SPLITS.index(split): self.path / found for split in SPLITS for found in named if named[found] == split}

    def _check(self, splits: Mapping[int, Path], classes: tuple[str, ...]) -> None:
        for folder in splits.values():
            loose = [name for name in _entries(folder)[1] if PurePath(name).suffix.lower() in SUFFIXES]
            if loose:
                raise InvalidDataset(
                    f"{folder} holds {counted(len(loose), 'image')} beside the directories of classes, {loose[0]} for "
                    f"one: nobody knows their class; {LAYOUT}"
                )
        if not classes:
            raise InvalidDataset(f"{self.path} holds no directories of classes; {LAYOUT}")
        if len(classes) == 1:
            inner = _entries(next(iter(splits.values())) / classes[0])[0]
            meant = f"; perhaps {self.path / classes[0]} was meant" if len(inner) > 1 else ""
            raise InvalidDataset(
                f"{self.path} holds one class only, {classes[0]!r}, and two are needed{meant}; {LAYOUT}"
            )


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Names of directories and of everything else, in alphabetical order. Names only: a class may be large."""
    directories: list[str] = []
    others: list[str] = []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if not entry.name.startswith(".") and entry.name not in JUNK:
                    (directories if entry.is_dir() else others).append(entry.name)
    except OSError as error:
        raise InvalidDataset(f"{folder} cannot be read: {error.strerror}") from None
    return sorted(directories), sorted(others)


def _files(folder: Path, ignored: list[str]) -> Iterator[Path]:
    """Image files at any depth. Symbolic links to files are followed, to directories below a class not."""
    if not folder.is_dir():
        return  # a class that this split lacks
    directories, others = _entries(folder)
    for name in others:
        path = folder / name
        if (path.suffix.lower() in SUFFIXES and (path.is_file() or path.is_symlink())) or _looks_like_an_image(path):
            yield path
        elif len(ignored) < IGNORED:
            ignored.append(str(path))
    for name in directories:
        if not (folder / name).is_symlink():
            yield from _files(folder / name, ignored)


def _looks_like_an_image(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False  # its name is no image's either: it is listed among the ignored
    return head.startswith(MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:12] == b"ftypavif"


def _version(path: Path) -> tuple[int, int]:
    """Size and time of the last change; of the link itself where it leads nowhere."""
    status = path.stat() if path.exists() else path.lstat()
    return status.st_size, status.st_mtime_ns
