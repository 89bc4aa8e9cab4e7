"""Resizing, moving and mirroring as matrix products, against JAX's own resize and against slices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.augmentation.augmentation import (
    WINDOW_DRAWS,
    Strengths,
    Window,
    interpolation,
    prepare,
    resize_matrix,
    windows,
)

BATCH = 4000
matrices = jax.jit(interpolation, static_argnums=(1, 2))
drawn = jax.jit(windows, static_argnums=(2, 3))
UNIFORM = jnp.asarray(np.random.default_rng(0).random((BATCH, WINDOW_DRAWS)), jnp.float32)


def strengths(**given: float) -> Strengths:
    zero = {name: jnp.float32(0) for name in Strengths._fields}
    return Strengths(**{**zero, "crop_low": jnp.float32(1), "crop_high": jnp.float32(1)})._replace(
        **{name: jnp.float32(value) for name, value in given.items()}
    )


def window(start: float, extent: float, backwards: bool = False) -> Window:
    return Window(jnp.asarray([start]), jnp.asarray([extent]), jnp.asarray([backwards]))


@settings(max_examples=6)
@given(source=st.integers(1, 40), target=st.integers(1, 64))
def test_resize_is_bilinear(source: int, target: int) -> None:
    line = np.random.default_rng(0).normal(size=source).astype(np.float32)
    expected = jax.image.resize(line, (target,), "bilinear", antialias=True)
    np.testing.assert_allclose(resize_matrix(source, target) @ line, expected, atol=1e-5)


@pytest.mark.parametrize(("source", "target"), [(1, 5), (8, 32), (31, 17), (40, 40)])
def test_the_window_of_a_whole_line_is_a_resize(source: int, target: int) -> None:
    forwards, mirrored = matrices(Window(jnp.zeros(2), jnp.full(2, source), jnp.asarray([False, True])), source, target)
    np.testing.assert_allclose(forwards, resize_matrix(source, target), atol=1e-5)
    np.testing.assert_allclose(mirrored, forwards[::-1], atol=1e-6)


@pytest.mark.parametrize(("offset", "expected"), [(-1, [1, 1, 2, 3]), (0, [1, 2, 3, 4]), (1, [2, 3, 4, 4])])
def test_what_is_moved_in_repeats_the_edge(offset: int, expected: list[int]) -> None:
    matrix = matrices(window(offset, 4), 4, 4)[0]
    np.testing.assert_allclose(matrix @ np.asarray([1, 2, 3, 4], np.float32), expected)


def test_a_crop_is_the_resize_of_a_slice() -> None:
    line = np.arange(20, dtype=np.float32) ** 2
    found = matrices(window(4, 8), 20, 8)[0] @ line
    np.testing.assert_allclose(found, line[4:12], rtol=1e-6)


def test_random_windows_have_the_declared_shares_and_ratios() -> None:
    rows, columns = drawn(UNIFORM, strengths(crop_low=0.3, crop_high=0.6), 40, 40, jnp.asarray(True))
    share, ratio = rows.extent * columns.extent / 1600, columns.extent / rows.extent
    assert 0.3 - 1e-4 <= share.min() < 0.31
    assert 0.59 < share.max() <= 0.6 + 1e-4
    assert float(share.mean()) == pytest.approx(0.45, abs=0.01)
    assert 0.75 - 1e-3 <= ratio.min() < 0.76
    assert 1.32 < ratio.max() <= 4 / 3 + 1e-3
    for side in (rows, columns):
        assert side.start.min() >= 0
        assert (side.start + side.extent).max() <= 40 + 1e-3


def test_random_shifts_and_flips_are_whole_and_fair() -> None:
    rows, columns = drawn(UNIFORM, strengths(shift_px=2, flip=0.5), 8, 8, jnp.asarray(True))
    for side in (rows, columns):
        values, counts = np.unique(side.start, return_counts=True)
        assert values.tolist() == [-2, -1, 0, 1, 2]
        np.testing.assert_allclose(counts / BATCH, 0.2, atol=0.03)
        np.testing.assert_array_equal(side.extent, 8)
    assert float(columns.backwards.mean()) == pytest.approx(0.5, abs=0.03)
    assert not rows.backwards.any()


def test_an_evaluation_sees_the_whole_image() -> None:
    rows, columns = drawn(UNIFORM, strengths(shift_px=2, flip=0.5, crop_low=0.1), 8, 6, jnp.asarray(False))
    for side, size in ((rows, 8), (columns, 6)):
        assert np.unique(side.start).tolist() == [0]
        assert np.unique(side.extent).tolist() == [size]
        assert not side.backwards.any()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_prepared_images_are_normalised_rgb_of_the_networks_size(channels: int, shared: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 8, channels), np.uint8)
    mean, deviation = np.arange(channels, dtype=np.float32), np.full(channels, 2.0, np.float32)
    rows, columns = (
        resize_matrix(size, 12) if shared else np.tile(resize_matrix(size, 12), (5, 1, 1)) for size in (6, 8)
    )
    found = prepare(*(jnp.asarray(array) for array in (images, rows, columns, mean, deviation)))
    normalised = (images.astype(np.float32) - mean) / deviation
    expected = jax.image.resize(normalised, (5, 12, 12, channels), "bilinear")
    assert found.shape == (5, 12, 12, 3)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4, atol=1e-4)
