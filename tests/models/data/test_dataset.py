"""The digits: real, split once and for all, and what the API says of them is true."""

import numpy as np

from models.data.loading import load
from models.data.registry import DATASETS

# of every image and label in order: the splits may never change under published results
FINGERPRINT = "6d94f83225efbda6c2b94e6b4af5f90a395999a4fb005ac5aa6740dca3f05709"


def test_the_digits_never_change() -> None:
    assert load("digits").fingerprint == FINGERPRINT


def test_the_registry_tells_the_truth() -> None:
    for name, info in DATASETS.items():
        data = load(name)
        assert (len(data.train), len(data.validation), len(data.test)) == (info.train, info.validation, info.test)
        assert data.classes == info.classes == len(np.unique(data.train.labels))
        assert data.train.images.shape[1:] == (info.native_px, info.native_px, info.channels)


def test_splits_are_stratified_and_hold_every_image_once() -> None:
    data = load("digits")
    shares = [np.bincount(split.labels, minlength=10) for split in (data.train, data.validation, data.test)]
    total = sum(shares)
    for share, expected in zip(shares, (0.6, 0.2, 0.2), strict=True):
        np.testing.assert_allclose(share / total, expected, atol=0.02)
    assert sum(len(split) for split in (data.train, data.validation, data.test)) == 1797


def test_no_image_is_in_two_splits() -> None:
    data = load("digits")
    seen = [{image.tobytes() for image in split.images} for split in (data.train, data.validation, data.test)]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_images_are_bytes_over_the_whole_range() -> None:
    data = load("digits")
    assert data.train.images.dtype == np.uint8
    assert (data.train.images.min(), data.train.images.max()) == (0, 255)
