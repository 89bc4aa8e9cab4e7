"""Every operation of the policies against Pillow or SciPy, and strength 0 against nothing at all."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from models.augmentation.augmentation import OPERATION_DRAWS
from models.augmentation.policy import (
    BITS_LOST,
    BLEND,
    NAMES,
    ROTATION,
    SHEAR,
    TRANSLATION,
    affine,
    applied,
    composed,
    identity,
    recoloured,
    sampled,
)

SIZE = 24
BYTES = ndimage.gaussian_filter(np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(float), (2, 2, 0))
BYTES = np.rint((BYTES - BYTES.min()) / np.ptp(BYTES) * 200 + 20).astype(np.uint8)
IMAGES = jnp.asarray(BYTES[None] / 255, jnp.float32)
PICTURE = Image.fromarray(BYTES)
# compiled once for all operations, as in a training
coloured, moved, augmented = jax.jit(recoloured), jax.jit(sampled), jax.jit(applied, static_argnums=0)
FILL = jnp.asarray([0.5, 0.25, 0.75])


def test_the_ranges_are_those_of_autoaugment() -> None:
    """arXiv 1805.09501, table 6, for images of 331 px."""
    assert pytest.approx((0.3, 150, 30, 0.9)) == (SHEAR, TRANSLATION * 331, math.degrees(ROTATION), BLEND)
    assert BITS_LOST == 8 - 4


def numbers(name: str, level: float, signed: float) -> tuple:
    return jnp.asarray([NAMES.index(name)]), jnp.asarray([level]), jnp.asarray([signed])


@pytest.mark.parametrize("signed", [-0.7, 0.7])
@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
        ("sharpness", ImageEnhance.Sharpness),
    ],
)
def test_blends_are_pillows(name: str, enhance: type, signed: float) -> None:
    found = coloured(IMAGES, *numbers(name, abs(signed), signed))[0] * 255
    expected = np.asarray(enhance(PICTURE).enhance(1 + BLEND * signed), float)
    inner = slice(1, -1)  # Pillow does not smooth the outermost pixels
    np.testing.assert_allclose(found[inner, inner], expected[inner, inner], atol=2)


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("posterize", 0.5, ImageOps.posterize(PICTURE, 6)),
        ("posterize", 1.0, ImageOps.posterize(PICTURE, 4)),
        ("solarize", 0.5, ImageOps.solarize(PICTURE, 128)),
        ("autocontrast", 1.0, ImageOps.autocontrast(PICTURE)),
    ],
)
def test_the_other_colours_are_pillows(name: str, level: float, expected: Image.Image) -> None:
    found = coloured(IMAGES, *numbers(name, level, level))[0] * 255
    np.testing.assert_allclose(found, np.asarray(expected, float), atol=1.5)


def test_solarizing_by_nothing_leaves_white_as_it_is() -> None:
    found = coloured(jnp.ones((1, SIZE, SIZE, 3)), *numbers("solarize", 0.0, 0.0))
    np.testing.assert_array_equal(found, 1)


@pytest.mark.parametrize("signed", [-0.6, 0.6])
@pytest.mark.parametrize("name", ["shear-x", "shear-y", "translate-x", "translate-y", "rotate"])
def test_what_moves_pixels_is_scipys(name: str, signed: float) -> None:
    angle = signed * ROTATION if name == "rotate" else 0.0
    across = signed * SHEAR if name == "shear-x" else 0.0
    down = signed * SHEAR if name == "shear-y" else 0.0
    move = [signed * TRANSLATION * SIZE * (name == f"translate-{axis}") for axis in "yx"]
    # rows first: y = cos y' - sin x', x = sin y' + cos x'
    matrix = np.asarray([[math.cos(angle), down - math.sin(angle)], [across + math.sin(angle), math.cos(angle)]])
    centre = np.full(2, (SIZE - 1) / 2)
    offset = centre - matrix @ centre + move
    turn = affine(jnp.asarray([NAMES.index(name)]), jnp.asarray([signed]))
    found = moved(IMAGES, turn, FILL)[0]
    for channel in range(3):
        padded = np.pad(BYTES[..., channel] / 255, 1, constant_values=float(FILL[channel]))
        expected = ndimage.affine_transform(
            padded, matrix, offset + 1 - matrix @ np.ones(2), order=1, cval=float(FILL[channel])
        )
        np.testing.assert_allclose(found[..., channel], expected[1:-1, 1:-1], atol=1e-4)


def test_two_moves_are_one() -> None:
    first, second = (affine(jnp.asarray([NAMES.index(name)]), jnp.asarray([0.5])) for name in ("rotate", "translate-x"))
    at_once = moved(IMAGES, composed(first, second), FILL)
    one_by_one = moved(moved(IMAGES, second, FILL), first, FILL)
    inner = slice(4, -4)  # interpolated once instead of twice; the filled edge is another
    assert float(jnp.abs(at_once - one_by_one)[:, inner, inner].mean()) < 0.03
    order = [float(part[0]) for part in composed(second, first)]
    assert order != [float(part[0]) for part in composed(first, second)]


def matrix(places: tuple) -> np.ndarray:
    """The homogeneous 3x3 matrix of the first image."""
    a, b, c, d, u, v = (float(part[0]) for part in places)
    return np.array([[a, b, u], [c, d, v], [0, 0, 1]])


def test_a_composition_is_the_product_of_the_matrices() -> None:
    """Every part of it, and in this order."""
    random = np.random.default_rng(2)
    for _ in range(5):
        first, second = (tuple(jnp.asarray(random.normal(size=(6, 1)), jnp.float32)) for _ in range(2))
        np.testing.assert_allclose(matrix(composed(first, second)), matrix(second) @ matrix(first), atol=1e-5)


def test_operations_follow_each_other_each_with_its_own_sign() -> None:
    """RandAugment's two operations: what moves is composed in order, the sign of each is its third number."""
    drawn = {name: (NAMES.index(name) + 0.5) / len(NAMES) for name in NAMES}
    for names in (("rotate", "shear-x"), ("shear-x", "rotate"), ("translate-y", "rotate")):
        for signs in ((-1, 1), (1, -1), (1, 1)):
            uniform = [
                number
                for name, sign in zip(names, signs, strict=True)
                for number in (drawn[name], 0.3, 0.5 * (sign > 0))
            ]
            found = augmented("rand", IMAGES, jnp.asarray([uniform]), jnp.float32(0.6), FILL)
            turns = [
                affine(numbers(name, 0.6, 0.6 * sign)[0], jnp.asarray([0.6 * sign]))
                for name, sign in zip(names, signs, strict=True)
            ]
            expected = moved(IMAGES, composed(composed(identity(1), turns[0]), turns[1]), FILL)
            np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("policy", ["trivial", "rand"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_policy_keeps_the_range_and_strength_0_the_image(policy: str, channels: int) -> None:
    random = np.random.default_rng(1)
    images = jnp.asarray(random.random((64, 12, 12, channels)), jnp.float32)
    uniform = jnp.asarray(random.random((64, 2 * OPERATION_DRAWS)), jnp.float32)
    fill = FILL[:channels]
    found = augmented(policy, images, uniform, jnp.float32(1), fill)  # type: ignore[arg-type]
    assert found.shape == images.shape
    assert -1e-5 <= found.min() <= found.max() <= 1 + 1e-5
    changed = jnp.abs(found - images).max((1, 2, 3)) > 1e-3
    assert float(changed.mean()) > 0.7
    same = augmented(policy, images, uniform, jnp.float32(0), fill)  # type: ignore[arg-type]
    np.testing.assert_allclose(same, images, atol=1 / 254)  # posterize cuts to whole bytes
