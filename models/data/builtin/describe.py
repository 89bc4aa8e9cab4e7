"""`python -m models.data.builtin.describe` writes the manifests and pictures of the built-in data sets anew."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from models.data.file_layout import SPRITE
from models.data.loading import LOADERS, load
from models.data.manifest import per_class, write
from models.data.registry import BUILT_IN, DATASETS
from models.data.thumbnails import sprite

COLOURS = 48  # of the built-in pictures, which lie in the repository


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
