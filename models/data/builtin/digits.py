"""The 1,797 handwritten digits that scikit-learn carries (UCI, 8x8 pixels in 17 grey levels)."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split

LEVELS = 16  # the highest grey level of the source
CLASS_NAMES = tuple("0123456789")
VALIDATION_SHARE = TEST_SHARE = 0.2


def load() -> Dataset:
    """Read, scale to bytes, and split; scikit-learn is imported here and nowhere else (4 s)."""
    from sklearn.datasets import load_digits

    source = load_digits()
    images = np.rint(source.images * (255 / LEVELS)).astype(np.uint8)[..., None]
    labels = source.target.astype(np.int32)
    train, validation, test = stratified(images, labels)
    splits = [Split(images[rows], labels[rows]) for rows in (train, validation, test)]
    return Dataset("digits", 10, *splits)


def stratified(images: NDArray[np.uint8], labels: NDArray[np.int32]) -> tuple[NDArray[np.intp], ...]:
    """Rows of train, validation and test: 60, 20 and 20 % of each class.

    Within a class the images stand in the order of their SHA-256, not of a random generator: the split is the same
    with every version of every library, and does not follow the writers, who stand one after the other in the source.
    """
    rows: list[list[int]] = [[], [], []]
    order = sorted(range(len(labels)), key=lambda row: hashlib.sha256(images[row].tobytes()).digest())
    for label in np.unique(labels):
        members = [row for row in order if labels[row] == label]
        test = round(TEST_SHARE * len(members))
        validation = test + round(VALIDATION_SHARE * len(members))
        for part, chosen in zip(rows, (members[validation:], members[test:validation], members[:test]), strict=True):
            part.extend(chosen)
    return tuple(np.array(sorted(part), np.intp) for part in rows)
