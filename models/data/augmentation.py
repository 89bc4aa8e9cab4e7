"""From stored bytes to what a network sees: random shift, resize, normalisation, as two matrix products."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

RGB = 3


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


@lru_cache(maxsize=256)
def shifted_resizes(source: int, target: int, shift: int) -> NDArray[np.float32]:
    """One resize matrix for each translation by -shift..shift source pixels, edges repeated: (2 shift + 1, ., .)."""
    matrix = resize_matrix(source, target)
    tables = []
    for offset in range(-shift, shift + 1):
        moved = np.zeros((source, source), np.float32)
        moved[np.arange(source), np.clip(np.arange(source) + offset, 0, source - 1)] = 1
        tables.append(matrix @ moved)
    return np.stack(tables)


def prepare(images: Array, rows: Array, columns: Array, mean: Array, deviation: Array) -> Array:
    """uint8 (batch, h, w, c) -> float32 (batch, size, size, 3), normalised; grey becomes three equal channels.

    `rows` (batch, size, h) and `columns` (batch, size, w) are resize matrices, one an image.
    """
    pixels = (images.astype(jnp.float32) - mean) / deviation
    exact = lax.Precision.HIGHEST
    tall = jnp.einsum("bph,bhwc->bpwc", rows, pixels, precision=exact)
    sized = jnp.einsum("bqw,bpwc->bpqc", columns, tall, precision=exact)
    return jnp.broadcast_to(sized, (*sized.shape[:3], RGB))
