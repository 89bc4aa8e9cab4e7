"""TrivialAugment and RandAugment inside a program: one sampling for all that moves pixels, a select for all colours.

The operations and their ranges are AutoAugment's (arXiv 1805.09501, table 6), without inversion and equalisation (which
needs a histogram of every image). Strength 0 leaves an image as it is, strength 1 is the end of the range; autocontrast
has no strength, it is on or off.
"""

import math

import jax.numpy as jnp
from jax import Array

from models.augmentation.augmentation import OPERATION_DRAWS, OPERATIONS
from models.recipe.recipe import PolicyName

NAMES = (
    *("identity", "shear-x", "shear-y", "translate-x", "translate-y", "rotate"),
    *("brightness", "contrast", "saturation", "sharpness", "posterize", "solarize", "autocontrast"),
)
# arXiv 1805.09501, table 6: shear 0.3, 150 of 331 px, 30 degrees; colours 0.1 to 1.9; posterize 4 to 8 bits
SHEAR, TRANSLATION, ROTATION, BLEND, BITS_LOST = 0.3, 150 / 331, math.pi / 6, 0.9, 4.0
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
CENTRE_WEIGHT = 5.0  # of a 3x3 smoothing whose other weights are 1 (Pillow's SMOOTH)

Affine = tuple[Array, Array, Array, Array, Array, Array]  # x = a x' + b y' + u, y = c x' + d y' + v: a b c d u v


def applied(policy: PolicyName, images: Array, uniform: Array, magnitude: Array, fill: Array) -> Array:
    """(batch, size, size, 1 or 3) in [0, 1] -> the same. `uniform` (batch, draws) in [0, 1), `fill` (c,) is put where
    an image was moved away.
    """
    places = identity(len(images))
    turns = []
    for number in range(OPERATIONS[policy]):
        kind, strength, sign = uniform[:, number * OPERATION_DRAWS : (number + 1) * OPERATION_DRAWS].T
        operation = jnp.floor(kind * len(NAMES)).astype(jnp.int32)
        level = magnitude * (strength if policy == "trivial" else jnp.ones_like(strength))
        signed = jnp.where(sign < 0.5, -level, level)
        places = composed(places, affine(operation, signed))
        turns.append((operation, level, signed))
    moved = sampled(images, places, fill)
    for operation, level, signed in turns:
        moved = recoloured(moved, operation, level, signed)
    return moved


def identity(batch: int) -> Affine:
    """The transformation that moves nothing, for each image."""
    zero, one = jnp.zeros(batch), jnp.ones(batch)
    return one, zero, zero, one, zero, zero


def affine(operation: Array, signed: Array) -> Affine:
    """Where each pixel comes from: the operation's transformation, around the centre, lengths in image sides."""

    def where(name: str, reach: float) -> Array:
        return jnp.where(operation == NAMES.index(name), signed * reach, 0.0)

    angle = where("rotate", ROTATION)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return (
        cosine,
        sine + where("shear-x", SHEAR),
        where("shear-y", SHEAR) - sine,
        cosine,
        where("translate-x", TRANSLATION),
        where("translate-y", TRANSLATION),
    )


def composed(first: Affine, second: Affine) -> Affine:
    """The places of `first` looked up in what `second` made."""
    a, b, c, d, u, v = first
    e, f, g, h, p, q = second
    return e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d, e * u + f * v + p, g * u + h * v + q


def sampled(images: Array, places: Affine, fill: Array) -> Array:
    """Bilinear; what lies outside of the image is `fill`."""
    batch, size, _, channels = images.shape
    line = (jnp.arange(size) + 0.5) / size - 0.5
    a, b, c, d, u, v = (part[:, None, None] for part in places)
    x = (a * line[None, None, :] + b * line[None, :, None] + u + 0.5) * size - 0.5
    y = (c * line[None, None, :] + d * line[None, :, None] + v + 0.5) * size - 0.5
    left, top = jnp.floor(x), jnp.floor(y)
    flat = images.reshape(batch, size * size, channels)
    total = jnp.zeros(images.shape)
    covered = jnp.zeros((batch, size, size, 1))
    for down in (0, 1):
        for across in (0, 1):
            column, row = left + across, top + down
            inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
            weight = (1 - jnp.abs(x - column)) * (1 - jnp.abs(y - row)) * inside
            index = (jnp.clip(row, 0, size - 1) * size + jnp.clip(column, 0, size - 1)).astype(jnp.int32)
            tap = jnp.take_along_axis(flat, index.reshape(batch, -1, 1), axis=1).reshape(images.shape)
            total += weight[..., None] * tap
            covered += weight[..., None]
    return total + (1 - covered) * fill


def recoloured(images: Array, operation: Array, level: Array, signed: Array) -> Array:
    """The operations that change values and not places. (batch, size, size, c) in [0, 1] -> the same."""

    def chosen(name: str) -> Array:
        return (operation == NAMES.index(name))[:, None, None, None]

    level, factor = level[:, None, None, None], 1 + BLEND * signed[:, None, None, None]
    grey = _grey(images)
    blended = ("brightness", "contrast", "saturation", "sharpness")
    towards = [jnp.zeros_like(images), jnp.broadcast_to(grey.mean((1, 2, 3), keepdims=True), images.shape)]
    towards += [jnp.broadcast_to(grey, images.shape), _smoothed(images)]
    degenerate = jnp.select([chosen(name) for name in blended], towards, images)
    step = 2 ** jnp.round(level * BITS_LOST)
    darkest, brightest = images.min((1, 2), keepdims=True), images.max((1, 2), keepdims=True)
    others = {
        "posterize": jnp.floor(images * 255 / step) * step / 255,
        "solarize": jnp.where(images > 1 - level, 1 - images, images),
        "autocontrast": jnp.where(level > 0, (images - darkest) / jnp.maximum(brightest - darkest, 1 / 255), images),
    }
    plain = jnp.clip(degenerate + factor * (images - degenerate), 0, 1)
    return jnp.select([chosen(name) for name in others], list(others.values()), plain)


def _grey(images: Array) -> Array:
    return (images * jnp.asarray(GREY)).sum(-1, keepdims=True) if images.shape[-1] == len(GREY) else images


def _smoothed(images: Array) -> Array:
    size = images.shape[1]
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    around = sum(padded[:, i : i + size, j : j + size] for i in range(3) for j in range(3))
    total: Array = (around + (CENTRE_WEIGHT - 1) * images) / (CENTRE_WEIGHT + 8)
    return total
