"""Writing what the registry reads."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.file_layout import MANIFEST
from models.data.registry import COUNTS, SCHEMA, DatasetInfo
from models.data.sources.item import SPLITS


def write(folder: Path, info: DatasetInfo, more: Mapping[str, Any]) -> None:
    """Whole or not at all: it is what makes a directory a data set."""
    partial = folder / f"{MANIFEST}.partial"
    own = {name: value for name, value in info.document().items() if name not in COUNTS}  # `per_class` has them
    document = {"schema": SCHEMA, "info": own, **more}
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
