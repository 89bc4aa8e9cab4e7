"""From stored bytes to what a network sees: crop, flip, shift, resize and normalisation, as two matrix products.

Whatever moves along the axes is a matrix of interpolation weights for the rows and one for the columns of each image.
Without such an augmentation all images share one pair of matrices, which is a constant of the program.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from models.recipe.recipe import PolicyName

RGB = 3
LEVELS = 255.0  # the highest byte
ASPECT = math.log(4 / 3)  # arXiv 1409.4842, section 6: crops of aspect ratio 3/4 to 4/3
WINDOW_DRAWS, MIX_DRAWS, ERASING_DRAWS, OPERATION_DRAWS = 7, 4, 5, 3  # random numbers an image takes
OPERATIONS = {"none": 0, "trivial": 1, "rand": 2}  # arXiv 2103.10158; arXiv 1909.13719 with N = 2


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Which kinds are on: what is off is not compiled. How strong they are is traced (`Strengths`)."""

    moves: bool = False
    mixes: bool = False
    erases: bool = False
    policy: PolicyName = "none"

    @property
    def draws(self) -> tuple[int, ...]:
        """Random numbers that an image takes for moving, mixing, erasing and the policy."""
        return (
            self.moves * WINDOW_DRAWS,
            self.mixes * MIX_DRAWS,
            self.erases * ERASING_DRAWS,
            OPERATIONS[self.policy] * OPERATION_DRAWS,
        )


NOTHING = Augmentation()


class Strengths(NamedTuple):
    """What a recipe says of augmentation in numbers: float32 scalars, and two tables of `mixing.beta_quantiles`."""

    shift_px: Array
    flip: Array
    crop_low: Array
    crop_high: Array
    erasing: Array
    policy_magnitude: Array
    mixup: Array
    cutmix: Array


class Window(NamedTuple):
    """The part of a line of source pixels that becomes the line of an image: (batch,) each, in pixels."""

    start: Array
    extent: Array
    backwards: Array


@lru_cache(maxsize=256)
def resize_matrix(source: int, target: int) -> NDArray[np.float32]:
    """Bilinear interpolation of a line of `source` pixels to `target` pixels: (target, source).

    Pixel centres at halves; when shrinking, the triangle is widened so that no source pixel is skipped (as
    `jax.image.resize` and TensorFlow's antialias do).
    """
    scale = source / target
    centres = (np.arange(target) + 0.5) * scale - 0.5
    distance = np.abs(centres[:, None] - np.arange(source)) / max(scale, 1.0)
    weights = np.maximum(1 - distance, 0)
    matrix: NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return matrix


def interpolation(window: Window, source: int, target: int) -> Array:
    """The resize matrix of each image's window, which may reach over the edge: there the edge is repeated.

    (batch, target, source). For the window that is the whole line it is `resize_matrix`.
    """
    scale = (window.extent / target)[:, None]
    places = jnp.arange(target)
    places = jnp.where(window.backwards[:, None], target - 1 - places, places)
    centres = window.start[:, None] + (places + 0.5) * scale - 0.5
    clipped = jnp.clip(centres, 0, source - 1)
    distance = jnp.abs(clipped[:, :, None] - jnp.arange(source)) / jnp.maximum(scale, 1.0)[:, :, None]
    weights = jnp.maximum(1 - distance, 0)
    return weights / weights.sum(-1, keepdims=True)


def windows(uniform: Array, strengths: Strengths, height: int, width: int, on: Array) -> tuple[Window, Window]:
    """Random windows of rows and of columns. `uniform` (batch, WINDOW_DRAWS) in [0, 1); unless `on`, the whole image.

    The crop has a uniform share of the area and a log-uniform aspect ratio, and lies anywhere; a side that would be
    longer than the image's is as long as that.
    """
    area, aspect, down, across, shift_down, shift_across, mirrored = uniform.T
    low, high = strengths.crop_low, strengths.crop_high
    share = jnp.where(on, low + area * (high - low), 1.0)
    stretch = jnp.exp(jnp.where(on & (low < 1), (2 * aspect - 1) * ASPECT, 0.0))
    tall, wide = sides(share, stretch)

    def side(size: int, share: Array, place: Array, shift: Array, backwards: Array) -> Window:
        moved = jnp.floor(shift * (2 * strengths.shift_px + 1)) - strengths.shift_px
        start = place * (size - size * share) + jnp.where(on, moved, 0.0)
        return Window(start, size * share, backwards)

    mirror = on & (mirrored < strengths.flip)
    return (
        side(height, tall, down, shift_down, jnp.zeros_like(mirror)),
        side(width, wide, across, shift_across, mirror),
    )


def sides(share: Array, stretch: Array) -> tuple[Array, Array]:
    """Height and width, in those of the image and at most 1, of a rectangle of that share and width by height."""
    return jnp.minimum(jnp.sqrt(share / stretch), 1.0), jnp.minimum(jnp.sqrt(share * stretch), 1.0)


def resized(pixels: Array, rows: Array, columns: Array) -> Array:
    """(batch, h, w, c) -> (batch, p, q, c) by resize matrices (p, h) and (q, w), shared or one an image."""
    exact = lax.Precision.HIGHEST
    one = "b" if rows.ndim > 2 else ""
    tall = jnp.einsum(f"{one}ph,bhwc->bpwc", rows, pixels, precision=exact)
    return jnp.einsum(f"{one}qw,bpwc->bpqc", columns, tall, precision=exact)


def coloured(images: Array) -> Array:
    """Grey becomes three equal channels: (batch, h, w, 1 or 3) -> (batch, h, w, 3)."""
    return jnp.broadcast_to(images, (*images.shape[:3], RGB))


def prepare(images: Array, rows: Array, columns: Array, mean: Array, deviation: Array) -> Array:
    """uint8 (batch, h, w, c) -> float32 (batch, size, size, 3), resized and normalised."""
    return coloured(resized((images.astype(jnp.float32) - mean) / deviation, rows, columns))
