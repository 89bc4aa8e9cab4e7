"""Mixup, cutmix and erasing: their shares, their labels, and that they do nothing where they are off."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.augmentation.augmentation import ERASING_DRAWS, MIX_DRAWS, Strengths
from models.augmentation.mixing import beta_quantiles, erased, mixed

BATCH, SIZE = 1000, 8
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(BATCH, SIZE, SIZE, 3)).astype(np.float32)
LABELS = RANDOM.integers(0, 10, BATCH).astype(np.int32)
BEFORE = np.roll(IMAGES, 1, 0)
UNIFORM = jnp.asarray(RANDOM.random((BATCH, MIX_DRAWS)), jnp.float32)


def blend(mixup: float, cutmix: float, on: bool = True) -> tuple[np.ndarray, ...]:
    """Images, the labels of the others, and the shares of the first."""
    zero = {name: jnp.float32(0) for name in Strengths._fields}
    tables = {"mixup": jnp.asarray(beta_quantiles(mixup)), "cutmix": jnp.asarray(beta_quantiles(cutmix))}
    images, targets = jax.jit(mixed)(IMAGES, LABELS, UNIFORM, Strengths(**{**zero, **tables}), jnp.asarray(on))
    assert targets.mixture is not None
    np.testing.assert_array_equal(targets.labels, LABELS)
    return np.asarray(images), *(np.asarray(part) for part in targets.mixture)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 4.0])
def test_quantiles_are_those_of_beta(alpha: float) -> None:
    table = beta_quantiles(alpha).astype(np.float64)
    assert table.mean() == pytest.approx(0.5, abs=1e-3)
    assert table.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.02)
    np.testing.assert_allclose(table, 1 - table[::-1], atol=1e-5)


def test_mixup_blends_images_as_it_blends_labels() -> None:
    images, others, share = blend(0.4, 0.0)
    weight = share[:, None, None, None]
    np.testing.assert_allclose(images, weight * IMAGES + (1 - weight) * BEFORE, atol=1e-5)
    np.testing.assert_array_equal(others, np.roll(LABELS, 1))
    assert float(share.var()) == pytest.approx(1 / (4 * 1.8), rel=0.1)


def test_cutmix_counts_the_pixels_that_are_left() -> None:
    images, _, share = blend(0.0, 1.0)
    own = (images == IMAGES).all(-1)
    other = (images == BEFORE).all(-1)
    assert bool((own | other).all())
    np.testing.assert_allclose(own.mean((1, 2)), share, atol=1e-5)
    assert 0.5 < float(share.mean()) < 0.75  # uniform areas, less what lies beyond the edge


def test_of_both_each_image_has_one() -> None:
    images, _, share = blend(1.0, 1.0)
    whole = ((images == IMAGES) | (images == BEFORE)).all((1, 2, 3))
    assert float(whole.mean()) == pytest.approx(0.5, abs=0.05)
    assert ((share >= 0) & (share <= 1)).all()


def test_an_evaluation_is_not_mixed() -> None:
    images, _, share = blend(1.0, 1.0, on=False)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(share, 1)


def test_erasing_takes_a_rectangle_from_the_declared_share_of_images() -> None:
    uniform = jnp.asarray(RANDOM.random((BATCH, ERASING_DRAWS)), jnp.float32)
    found = np.asarray(jax.jit(erased)(IMAGES, uniform, jnp.float32(0.25)))
    gone = (found == 0).all(-1)
    touched = gone.any((1, 2))
    assert float(touched.mean()) == pytest.approx(0.25, abs=0.04)
    areas = gone[touched].mean((1, 2))
    assert 0.15 < float(areas.mean()) < 0.25
    assert bool((gone == (gone.any(2)[:, :, None] & gone.any(1)[:, None, :])).all())
    np.testing.assert_array_equal(jax.jit(erased)(IMAGES, uniform, jnp.float32(0)), IMAGES)
