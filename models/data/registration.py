"""From a source to a registered data set: index, decode, arrange, gather, describe. Killed anywhere, it continues."""

import hashlib
import json
import logging
import shutil
import statistics as arithmetic
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import pixel_cache, thumbnails
from models.data.decode import Fit, Order, header
from models.data.file_layout import (
    CONTENTS,
    JOURNAL,
    LABELS,
    NAMES,
    ORDER,
    PLAN,
    PROBLEMS,
    SCRATCH,
    SPRITE,
    STAGING,
    images_file,
)
from models.data.journal import Journal
from models.data.locking import locked
from models.data.manifest import per_class, write
from models.data.pool import Pool
from models.data.printable_names import Names, printable
from models.data.problems import LISTED, Kind, Policy, Problem, Tally
from models.data.registry import DATASETS, NAME, SCHEMA, DatasetInfo, Registry
from models.data.sources.item import Index, Item, Source
from models.data.sources.opening import open_source
from models.data.splits import Arrangement, Finding, arrange, without_images
from models.errors import InvalidDataset
from models.wording import counted

MAX_PX, SAMPLE = 256, 256  # default size of the cache at most: B2's input; headers looked at to find a smaller one
LARGEST_PX = 2048  # B7 and L2 take 600 and 800
HEAD_BYTES = 65_536  # where the size of an image stands in all formats, large EXIF blocks included

Progress = Callable[[str, int, int | None], None]  # what is done, how much of it, of how much if that is known
Warn = Callable[[str], None]
log = logging.getLogger("effscale.data")


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """How a source is to be registered. `px`: height and width of the cache, None for what the images have."""

    name: str
    source: Path
    policies: Mapping[Kind, Policy]
    px: int | None = None
    fit: Fit = "crop"


def add(
    directory: Path, request: RegistrationRequest, progress: Progress = lambda *_: None, warn: Warn = log.warning
) -> dict[str, Any]:
    """Register a source below `directory`; its details. Raises `InvalidDataset`, and `RefusedImages` with names.

    `warn` receives the classes without images before anything is decoded.
    """
    _check(request)
    with locked(directory, request.name, wait=False):
        if (directory / request.name).exists():
            raise InvalidDataset(
                f"there is a data set {request.name!r} already: choose another name, or remove it first "
                f"(effscale datasets remove {request.name})"
            )
        work = directory / f".{request.name}.partial"
        work.mkdir(exist_ok=True)
        source = open_source(request.source.absolute(), work / SCRATCH)
        index = _scan(source, work, progress)
        _warn_of_empty_classes(request, index, warn)
        order = _order(request, source, index, work)
        _decode(source, index, order, work, progress)
        info = _finish(request, source, index, order, work, progress)
        work.rename(directory / request.name)
        for leftover in (JOURNAL, STAGING, PLAN):
            (directory / request.name / leftover).unlink(missing_ok=True)
        shutil.rmtree(directory / request.name / SCRATCH, ignore_errors=True)
    log.info("registered %s: %d images", request.name, info.train + info.validation + info.test)
    return Registry(directory).details(request.name)


def remove(directory: Path, name: str) -> None:
    """Delete a registered data set, or what an interrupted `add` left of it. `UnknownDataset`, `InvalidDataset`."""
    if name in DATASETS:
        raise InvalidDataset(f"{name!r} is built in and cannot be removed")
    partial = directory / f".{name}.partial"
    if not (NAME.fullmatch(name) and (directory / name).is_dir() | partial.is_dir()):
        Registry(directory).folder(name)  # raises with the names there are
    with locked(directory, name, wait=False):
        gone = directory / f".{name}.removed"
        shutil.rmtree(gone, ignore_errors=True)
        if (directory / name).is_dir():
            (directory / name).rename(gone)  # at once, and then the slow part
        shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(partial, ignore_errors=True)


def _check(request: RegistrationRequest) -> None:
    if not NAME.fullmatch(request.name):
        raise InvalidDataset(
            f"{request.name!r} is no name for a data set: small letters, digits, '.', '_' and '-', at most 63, "
            "beginning with a letter or digit"
        )
    if request.name in DATASETS:
        raise InvalidDataset(f"{request.name!r} is built in: choose another name")
    if request.px is not None and not 4 <= request.px <= LARGEST_PX:
        raise InvalidDataset(f"the cache's size must be 4 to {LARGEST_PX} px, got {request.px}")


def _scan(source: Source, work: Path, progress: Progress) -> Index:
    """The index; the names go to a file, so that they take no memory."""
    with Names(work / NAMES).writing() as write:
        count = 0

        def name(text: str) -> None:
            nonlocal count
            write(text)
            count += 1
            if count % 1000 == 0:
                progress("indexing", count, None)

        return source.scan(name)


def _warn_of_empty_classes(request: RegistrationRequest, index: Index, warn: Warn) -> None:
    """Before hours of decoding. `RefusedImages` when the policy says so."""
    empty = without_images(index)
    if not empty:
        return
    tally = Tally(request.policies)
    for problem in _classes(index, empty):
        tally.add(problem)
    tally.check()
    names = ", ".join(printable(index.classes[label]) for label in empty[:LISTED])
    more = f" and {len(empty) - LISTED:,} more" if len(empty) > LISTED else ""
    warn(f"{counted(len(empty), 'class', 'classes')} without images, left out: {names}{more}")


def _classes(index: Index, labels: Iterable[int]) -> Iterator[Problem]:
    """Classes that train has nothing of."""
    counts = np.bincount(index.labels, minlength=len(index.classes))
    for label in labels:
        had = f"of {counted(int(counts[label]), 'image')} none is left to train on" if counts[label] else "no image"
        yield Problem("empty-class", printable(index.classes[label]), had)


def _order(request: RegistrationRequest, source: Source, index: Index, work: Path) -> Order:
    """What to decode to. Work done for another source, or for another request, is thrown away."""
    kept: list[Kind] = [kind for kind in ("huge", "truncated") if request.policies[kind] == "keep"]
    asked = {"signature": index.signature, "px": request.px, "fit": request.fit, "kept": kept, "path": str(source.path)}
    plan = work / PLAN
    known = json.loads(plan.read_text(encoding="utf-8")) if plan.is_file() else {}
    if {name: known.get(name) for name in asked} != asked or not (work / STAGING).is_file():
        for stale in (JOURNAL, STAGING):
            (work / stale).unlink(missing_ok=True)
        known = {**asked, "decoded_px": request.px or min(MAX_PX, _sampled_px(source, index, work))}
        plan.write_text(json.dumps(known), encoding="utf-8")
    return Order(known["decoded_px"], request.fit, frozenset(kept))


def _sampled_px(source: Source, index: Index, work: Path) -> int:
    """The median of the shorter sides of evenly spaced images; `MAX_PX` where none of them tells."""
    step = max(1, len(index) // SAMPLE)
    found = []
    for item in source.items(lambda number: None if number % step else number, Names(work / NAMES)):
        size = item.shape[:2] if item.shape is not None else header(_head(item))
        if size is not None:
            found.append(max(1, min(size)))
    return max(4, int(arithmetic.median_low(found))) if found else MAX_PX


def _head(item: Item) -> bytes:
    if isinstance(item.payload, bytes):
        return item.payload
    try:
        with item.payload.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""  # reported when it is decoded


def _decode(source: Source, index: Index, order: Order, work: Path, progress: Progress) -> None:
    """Every image that the journal does not know."""
    pixel_cache.reserve(work / STAGING, len(index), order.px)
    with Journal(work / JOURNAL, np.arange(len(index))) as journal:
        left = int(len(index) - journal.done.sum())
        done = len(index) - left
        progress("decoding", done, len(index))

        def note(items: Sequence[Item], records: bytes) -> None:
            nonlocal done
            journal.write(items, records)
            done += len(items)
            progress("decoding", done, len(index))

        if left:
            with Pool(order, work / STAGING, left) as pool:
                pool.run(source.items(lambda n: None if journal.done[n] else n, Names(work / NAMES)), note)
        if done < len(index):
            raise InvalidDataset(
                f"{source.path} lost {counted(len(index) - done, 'image')} while it was read: add it again"
            )


def _finish(
    request: RegistrationRequest, source: Source, index: Index, order: Order, work: Path, progress: Progress
) -> DatasetInfo:
    """Everything that follows from the records, into the work directory; the manifest last."""
    with Journal(work / JOURNAL, np.arange(len(index))) as journal:
        records = journal.records()
    tally, arrangement = _arranged(request, index, records, work)
    progress("gathering", 0, len(arrangement.order))
    cache = work / images_file(order.px)
    pixel_cache.gather(work / STAGING, cache, arrangement.order, order.px)
    labels = np.searchsorted(arrangement.classes, index.labels[arrangement.order]).astype(np.int32)
    names = [printable(index.classes[label]) for label in arrangement.classes]
    contents = np.ascontiguousarray(records["content"][arrangement.order])
    for name, array in ((LABELS, labels), (CONTENTS, contents.view("u1")), (ORDER, arrangement.order)):
        np.save(work / name, array, allow_pickle=False)
    known = pixel_cache.statistics(cache, arrangement.sizes[0], order.px)
    rows = len(arrangement.order)
    images = pixel_cache.opened(cache, rows, order.px)
    train = slice(arrangement.sizes[0])
    layout = thumbnails.sprite(images[train], labels[train], names, work / SPRITE)
    sides = np.minimum(records["width"], records["height"])[arrangement.order]
    info = DatasetInfo(
        name=request.name,
        classes=len(names),
        native_px=order.px,
        channels=pixel_cache.RGB,
        train=arrangement.sizes[0],
        validation=arrangement.sizes[1],
        test=arrangement.sizes[2],
        source=printable(str(source.path)),
        summary=f"{rows:,} images of {len(names):,} classes, from a {source.kind}, cached at {order.px} px",
        source_px=int(np.median(sides)),
        content_hash=_fingerprint(names, order, arrangement, labels, contents),
        registered=True,
    )
    write(work, info, {
        "kind": source.kind,
        "fit": order.fit,
        "class_names": names,
        "per_class": per_class(labels, arrangement.sizes, info.classes),
        "mean": known.mean,
        "deviation": known.deviation,
        "read": len(index),
        "problems": tally.documents(),
        "ignored": [printable(name) for name in index.ignored[:20]],
        "policies": dict(request.policies),
        "thumbnails": layout,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    })  # fmt: skip
    return info


def _arranged(
    request: RegistrationRequest, index: Index, records: NDArray[np.void], work: Path
) -> tuple[Tally, Arrangement]:
    """Every problem goes to a file with its name; `RefusedImages` when a policy says so."""
    findings: list[Finding] = []
    failed: InvalidDataset | None = None
    empty: set[int] = set()
    try:
        arrangement = arrange(index, records, request.policies, findings.append)
        empty = set(range(len(index.classes))) - set(arrangement.classes)
    except InvalidDataset as error:
        failed = error
    tally = Tally(request.policies)
    with (work / PROBLEMS).open("w", encoding="utf-8") as file:
        for problem in (*_named(findings, records, work), *_classes(index, sorted(empty))):
            tally.add(problem)
            file.write(json.dumps({"kind": problem.kind, "name": problem.name, "detail": problem.detail}) + "\n")
    tally.check()
    if failed is not None:
        counts = ", ".join(f"{found['count']:,} {found['kind']}" for found in tally.documents())
        raise InvalidDataset(f"{failed}" + (f" (of {counted(len(index), 'image')}: {counts})" if counts else ""))
    return tally, arrangement


def _named(findings: list[Finding], records: NDArray[np.void], work: Path) -> Iterator[Problem]:
    wanted = {number for finding in findings for number in (finding.number, finding.other)}
    names = {number: printable(name) for number, name in enumerate(Names(work / NAMES)) if number in wanted}
    for finding in findings:
        stored = records["detail"][finding.number].decode("ascii", "replace")
        detail = stored if finding.other < 0 else f"same pixels as {names[finding.other]}"
        yield Problem(finding.kind, names[finding.number], detail)


def _fingerprint(
    names: list[str], order: Order, arrangement: Arrangement, labels: NDArray[np.int32], contents: NDArray[np.void]
) -> str:
    """SHA-256 over classes, size, fit, and split, label and content of every row, in order."""
    head = {"schema": SCHEMA, "classes": names, "px": order.px, "fit": order.fit}
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for array in (arrangement.splits, labels.astype("<i4"), contents.view("u1")):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
