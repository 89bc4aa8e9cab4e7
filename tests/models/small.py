"""A network and a data set that are as small as they can be: what is tested with them does not depend on size."""

import numpy as np

from models.data.dataset import Dataset, Split
from models.data.loading import load
from models.scaling.architecture import ScaledArchitecture, StageSpec

SMALL = ScaledArchitecture(
    stem=8,
    stages=(StageSpec(1, 3, 1, 1, 8), StageSpec(1, 3, 2, 2, 16)),
    head=16,
    resolution=16,
    classes=10,
    dropout=0.1,
    drop_path=0.1,
)


def digits(train: int = 192, validation: int = 70, test: int = 50) -> Dataset:
    """Some of the digits: real images, quickly trained on."""
    whole = load("digits")
    parts = ((whole.train, train), (whole.validation, validation), (whole.test, test))
    return Dataset("digits", 10, *(Split(split.images[:size], split.labels[:size]) for split, size in parts))


def same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> bool:
    """Whether two networks are the same to the bit."""
    return ours.keys() == theirs.keys() and all(np.array_equal(array, theirs[name]) for name, array in ours.items())
