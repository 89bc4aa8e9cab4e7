"""From decoded images to splits: what the policies leave out, and who goes where. Arrays in, arrays out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data import image_record
from models.data.problems import KINDS, Kind, Policy
from models.data.sources.item import SPLITS, UNDECLARED, Index
from models.errors import InvalidDataset
from models.wording import counted, percent

SHARE = 0.2  # of a class that goes to validation, and to test, where the source has none: as the digits are split
MIN_CLASSES = 2  # with one there is nothing to tell apart
NAMED = 10  # classes that a message names
CONTENT = "S32"  # 32 bytes that compare as a whole; texts end in zeros alike

Numbers = NDArray[np.intp]
Splits = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Finding:
    """Image `number` has a problem; `other` is the image that it has it with, or -1."""

    kind: Kind
    number: int
    other: int = -1


@dataclass(frozen=True, eq=False)
class Arrangement:
    """`order`: numbers of the images that stay, train first, then validation, then test; `sizes` of the three.

    `classes`: numbers of the classes that stay, in their order.
    """

    order: Numbers
    sizes: tuple[int, int, int]
    classes: tuple[int, ...]

    @property
    def splits(self) -> Splits:
        """Of each row of `order`."""
        return np.repeat(np.arange(len(SPLITS), dtype=np.int8), self.sizes)


def without_images(index: Index) -> tuple[int, ...]:
    """Numbers of the classes that the source names and has no image of.

    Raises `InvalidDataset` for what decoding could only make worse: too few classes, or too few images for a split.
    """
    counts = np.bincount(index.labels, minlength=len(index.classes))
    _check_classes(index, counts > 0)
    divided = np.bincount(index.labels[index.splits <= 0], minlength=len(index.classes))
    for split in _missing(index.splits):
        if not round(SHARE * int(divided.max())):
            raise _too_few(split)
    return tuple(int(label) for label in np.flatnonzero(counts == 0))


def arrange(
    index: Index, records: NDArray[np.void], policies: Mapping[Kind, Policy], report: Callable[[Finding], None]
) -> Arrangement:
    """Report every problem, leave out what is to be skipped, and split what is left.

    A class that train has no image of is left out, with what the other splits have of it. Raises `InvalidDataset` when
    fewer than two classes, or no images of a split, are left.
    """
    alive = records["state"] == image_record.USABLE
    for bit, kind in enumerate(KINDS):
        marked = (records["kinds"] >> bit & 1).astype(np.bool_)
        for number in np.flatnonzero(marked):
            report(Finding(kind, int(number)))
        if policies[kind] != "keep":
            alive &= ~marked
    for finding in _same(index, records, alive, policies):
        report(finding)
        if policies[finding.kind] != "keep":
            alive[finding.number] = False
    splits = _split(index, records, alive)
    trained = np.bincount(index.labels[alive & (splits == 0)], minlength=len(index.classes)) > 0
    _check_classes(index, trained)
    alive &= trained[index.labels]
    for split in _missing(splits[alive]):
        raise _too_few(split)
    kept = np.flatnonzero(alive)
    order = kept[np.argsort(splits[kept], kind="stable")]
    sizes = np.bincount(splits[kept], minlength=len(SPLITS))
    classes = tuple(int(label) for label in np.flatnonzero(trained))
    return Arrangement(order, (int(sizes[0]), int(sizes[1]), int(sizes[2])), classes)


def _same(
    index: Index, records: NDArray[np.void], alive: NDArray[np.bool_], policies: Mapping[Kind, Policy]
) -> Iterator[Finding]:
    """Conflicts, leaks and duplicates among images of equal pixels."""
    for members in list(_groups(records, np.flatnonzero(alive))):
        first = int(members[0])
        labels = index.labels[members]
        if (labels != labels[0]).any():
            other = int(members[np.argmax(labels != labels[0])])
            yield from (
                Finding("conflicting", int(m), first if index.labels[m] != labels[0] else other) for m in members
            )
            if policies["conflicting"] != "keep":
                continue
        for label in np.unique(labels):
            yield from _within(index.splits, [int(m) for m in members[labels == label]], policies)


def _within(splits: Splits, members: Sequence[int], policies: Mapping[Kind, Policy]) -> Iterator[Finding]:
    """Leaks and duplicates among equal images of one class, in the order of the source."""
    last = max(int(splits[m]) for m in members)
    kept = next(m for m in members if splits[m] == last)
    seen: dict[int, int] = {}
    for member in members:
        split = int(splits[member])
        if split != last:
            yield Finding("leakage", member, kept)
            if policies["leakage"] != "keep":
                continue
        if split in seen:
            yield Finding("duplicate", member, seen[split])
        seen.setdefault(split, member)


def _groups(records: NDArray[np.void], numbers: Numbers) -> Iterator[Numbers]:
    """Numbers of images with equal pixels, two or more, in the order of the source."""
    if not len(numbers):
        return
    contents = records["content"][numbers].view(CONTENT)
    order = np.argsort(contents, kind="stable")
    new = np.flatnonzero(np.concatenate([[True], contents[order][1:] != contents[order][:-1]]))
    for start, stop in zip(new, np.append(new[1:], len(order)), strict=True):
        if stop - start > 1:
            yield numbers[order[start:stop]]


def _split(index: Index, records: NDArray[np.void], alive: NDArray[np.bool_]) -> Splits:
    """Where the source leaves it open, by the order of the contents' hashes within each class: for ever the same.

    Equal images go together, whatever their classes.
    """
    splits = index.splits.copy()
    open_ = alive & (splits <= 0)  # undeclared, or of train, which gives what the source lacks
    missing = _missing(splits[alive])
    if not missing:
        return splits
    numbers = np.flatnonzero(open_)
    contents, group = np.unique(records["content"][numbers].view(CONTENT), return_inverse=True)
    chosen = np.full(len(contents), UNDECLARED, np.int8)
    for label in range(len(index.classes)):
        mine = np.unique(group[index.labels[numbers] == label])
        mine = mine[chosen[mine] == UNDECLARED]
        share, first = round(SHARE * len(mine)), 0
        for split in reversed(missing):
            chosen[mine[first : first + share]] = split
            first += share
        chosen[mine[first:]] = 0
    splits[numbers] = chosen[group]
    return splits


def _missing(splits: Splits) -> list[int]:
    """The splits beside train that no image is in."""
    return [split for split in (1, 2) if not (splits == split).any()]


def _check_classes(index: Index, has_images: NDArray[np.bool_]) -> None:
    left = int(has_images.sum())
    if left < MIN_CLASSES:
        named = ", ".join(repr(index.classes[label]) for label in np.flatnonzero(~has_images)[:NAMED])
        raise InvalidDataset(
            f"two classes are needed, and {counted(left, 'class', 'classes')} of {len(index.classes):,} "
            f"{'has' if left == 1 else 'have'} usable images to train on; without: {named}"
        )


def _too_few(split: int) -> InvalidDataset:
    return InvalidDataset(
        f"there are too few images for a {SPLITS[split]} split: {percent(SHARE, 0)} of each class are taken, "
        "and no class has more than two; add images, or give the split its own"
    )
