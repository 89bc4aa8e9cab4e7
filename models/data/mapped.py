"""Registered data sets as arrays mapped from their cache; and a larger cache where a resolution wants one."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import image_record, pixel_cache
from models.data.dataset import Dataset, RecordedStatistics, Split
from models.data.decode import Order
from models.data.file_layout import CONTENTS, LABELS, NAMES, ORDER, enlarging_journal, images_file
from models.data.journal import Journal
from models.data.locking import locked
from models.data.pool import Pool
from models.data.printable_names import Names
from models.data.registry import Registry
from models.data.sources.item import SPLITS, Item
from models.data.sources.opening import open_source
from models.errors import InvalidDataset, SourceChanged

log = logging.getLogger("effscale.data")


def open_registered(directory: Path, name: str, px: int) -> Dataset:
    """The data set with the cache of that size, which is made if it is not there."""
    details = Registry(directory).details(name)
    folder = directory / name
    labels = _array(folder / LABELS, np.int32)
    path = folder / images_file(px)
    if not path.is_file() and px != details["native_px"]:
        _enlarge(directory, details, px)
    images = pixel_cache.opened(path, len(labels), px)
    sizes = [details[split] for split in SPLITS]
    if sum(sizes) != len(labels):
        raise InvalidDataset(f"{folder / LABELS} is damaged: remove the data set and add it again")
    stops = np.cumsum(sizes)
    parts = [slice(int(stop - size), int(stop)) for stop, size in zip(stops, sizes, strict=True)]
    recorded = RecordedStatistics(details["content_hash"], tuple(details["mean"]), tuple(details["deviation"]))
    return Dataset(name, details["classes"], *(Split(images[part], labels[part]) for part in parts), recorded=recorded)


def _enlarge(directory: Path, details: dict[str, Any], px: int) -> None:
    """Decode the images again, larger; killed anywhere, the next call continues."""
    name, folder = details["name"], directory / details["name"]
    with locked(directory, name, wait=True):
        target = folder / images_file(px)
        if target.is_file():
            return  # by another process, while this one waited
        log.info("data set %s: making a cache of %d px, once", name, px)
        order = _array(folder / ORDER, np.int64)
        partial, journal_path = target.with_suffix(".partial"), folder / enlarging_journal(px)
        if not partial.is_file():
            journal_path.unlink(missing_ok=True)
        pixel_cache.reserve(partial, len(order), px)
        _decode(details, folder, order, px, partial, journal_path)
        partial.replace(target)
        journal_path.unlink(missing_ok=True)


def _decode(
    details: dict[str, Any], folder: Path, order: NDArray[np.int64], px: int, target: Path, journal_path: Path
) -> None:
    contents = _array(folder / CONTENTS, np.uint8).reshape(len(order), -1)
    places = {int(number): row for row, number in enumerate(order)}
    again = f"add it again with --px {px}, where the source is"
    try:
        source = open_source(Path(details["source"]), folder / "scratch")
    except InvalidDataset as error:
        raise SourceChanged(f"data set {details['name']!r} is wanted at {px} px, but {error}: {again}") from None
    with Journal(journal_path, order) as journal:

        def slot_of(number: int) -> int | None:
            row = places.get(number)
            return None if row is None or journal.done[row] else row

        def write(items: Sequence[Item], records: bytes) -> None:
            found = np.frombuffer(records, image_record.DTYPE)
            for item, entry in zip(items, found, strict=True):
                if entry["content"].tobytes() != contents[item.slot].tobytes():
                    raise SourceChanged(f"{source.path}: {item.name} is not the image that was registered: {again}")
            journal.write(items, records)

        left = int((~journal.done).sum())
        with Pool(Order(px, details["fit"], frozenset(("huge", "truncated"))), target, left) as pool:
            pool.run(source.items(slot_of, Names(folder / NAMES)), write)
        if not journal.done.all():
            raise SourceChanged(f"{source.path} no longer holds all images that were registered: {again}")


def _array(path: Path, kind: type[np.generic]) -> NDArray[Any]:
    """A one-dimensional file of ours; `InvalidDataset` when it is damaged."""
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidDataset(f"{path} cannot be read ({error}): remove the data set and add it again") from None
    return array.astype(kind, copy=False)
