"""Resizing and shifting as matrix products, against JAX's own resize and against slices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.augmentation import prepare, resize_matrix, shifted_resizes


@settings(max_examples=20, deadline=None)
@given(source=st.integers(1, 40), target=st.integers(1, 64))
def test_resize_is_bilinear(source: int, target: int) -> None:
    line = np.random.default_rng(0).normal(size=source).astype(np.float32)
    expected = jax.image.resize(line, (target,), "bilinear", antialias=True)
    np.testing.assert_allclose(resize_matrix(source, target) @ line, expected, atol=1e-5)


@pytest.mark.parametrize(("offset", "expected"), [(-1, [1, 1, 2, 3]), (0, [1, 2, 3, 4]), (1, [2, 3, 4, 4])])
def test_shifts_repeat_the_edge(offset: int, expected: list[int]) -> None:
    tables = shifted_resizes(4, 4, 1)
    np.testing.assert_allclose(tables[offset + 1] @ np.asarray([1, 2, 3, 4], np.float32), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_prepared_images_are_normalised_rgb_of_the_networks_size(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 8, channels), np.uint8)
    mean, deviation = np.arange(channels, dtype=np.float32), np.full(channels, 2.0, np.float32)
    rows, columns = (np.tile(resize_matrix(size, 12), (5, 1, 1)) for size in (6, 8))
    found = prepare(*(jnp.asarray(array) for array in (images, rows, columns, mean, deviation)))
    normalised = (images.astype(np.float32) - mean) / deviation
    expected = jax.image.resize(normalised, (5, 12, 12, channels), "bilinear")
    assert found.shape == (5, 12, 12, 3)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4, atol=1e-4)
