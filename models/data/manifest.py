"""Writing what the registry reads. `python -m models.data.manifest` rewrites that of the built-in data sets."""

import json
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import LOADERS, load
from models.data.registry import BUILT_IN, DATASETS, MANIFEST, SCHEMA, SPRITE, DatasetInfo
from models.data.sources.item import SPLITS
from models.data.thumbnails import sprite

COLOURS = 48  # of the built-in pictures, which lie in the repository


def write(folder: Path, info: DatasetInfo, more: Mapping[str, Any]) -> None:
    """Whole or not at all: it is what makes a directory a data set."""
    partial = folder / f"{MANIFEST}.partial"
    document = {"schema": SCHEMA, "info": info.document(), **more}
    with partial.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / MANIFEST)


def per_class(labels: NDArray[np.int32], sizes: Sequence[int], classes: int) -> dict[str, list[int]]:
    """Images of each class, by split; `labels` of all splits behind one another."""
    parts = np.split(labels, np.cumsum(sizes)[:-1])
    return {
        split: np.bincount(part, minlength=classes).tolist() for split, part in zip(SPLITS, parts, strict=True)
    }  # fmt: skip


def describe(name: str, folder: Path) -> None:
    """The manifest and the pictures of a built-in data set, from its images."""
    data, info = load(name), DATASETS[name]
    splits = data.splits
    classes: Sequence[str] = import_module(LOADERS[name]).CLASS_NAMES
    labels = np.concatenate([split.labels for split in splits])
    folder.mkdir(parents=True, exist_ok=True)
    more = {
        "kind": "built-in",
        "class_names": list(classes),
        "per_class": per_class(labels, [len(split) for split in splits], info.classes),
        "mean": [round(float(value), 4) for value in data.mean],
        "deviation": [round(float(value), 4) for value in data.deviation],
        "read": len(labels),
        "problems": [],
        "ignored": [],
        "policies": {},
        "thumbnails": sprite(data.train.images, data.train.labels, classes, folder / SPRITE, COLOURS),
    }
    write(folder, info, more)


if __name__ == "__main__":
    for built_in in DATASETS:
        describe(built_in, BUILT_IN / built_in)
