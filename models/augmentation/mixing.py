"""Augmentations of images that are already of the network's size: mixup, cutmix, random erasing."""

import math
from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from models.augmentation.augmentation import Strengths, sides

QUANTILES = 1024  # of a Beta distribution: finer than what a batch can tell apart
# arXiv 1708.04896, section 4: the share of the image, and the aspect ratio 0.3 to 1 / 0.3
ERASED_SHARE, ERASED_ASPECT = (0.02, 0.4), -math.log(0.3)


class Targets(NamedTuple):
    """What images show: `labels`, int32 (batch,), -1 for none. Mixed ones have (other labels, share of the first)."""

    labels: Array
    mixture: tuple[Array, Array] | None = None


@lru_cache(maxsize=64)
def beta_quantiles(alpha: float) -> NDArray[np.float32]:
    """Of Beta(alpha, alpha), in the middle of QUANTILES equal steps; 1 everywhere for alpha 0: nothing is mixed."""
    if alpha == 0:
        return np.ones(QUANTILES, np.float32)
    from scipy.special import betaincinv

    found: NDArray[np.float32] = betaincinv(alpha, alpha, (np.arange(QUANTILES) + 0.5) / QUANTILES).astype(np.float32)
    return found


def mixed(images: Array, labels: Array, uniform: Array, strengths: Strengths, on: Array) -> tuple[Array, Targets]:
    """Each image with the one before it in the batch, whose order is random.

    `uniform` (batch, MIX_DRAWS) in [0, 1). Where both kinds are on, each image has one of them, with equal chances; a
    cutmix's share is what is really left of the image (arXiv 1710.09412; arXiv 1905.04899, section 3).
    """
    drawn, kind, down, across = uniform.T
    row = (drawn * QUANTILES).astype(jnp.int32)
    blend, keep = strengths.mixup[row], strengths.cutmix[row]
    has_mixup, has_cutmix = strengths.mixup[0] < 1, strengths.cutmix[0] < 1
    cuts = has_cutmix & (~has_mixup | (kind < 0.5))
    size = images.shape[1]
    edge = jnp.sqrt(1 - keep)
    patch = rectangle(size, down - edge / 2, down + edge / 2, across - edge / 2, across + edge / 2)
    left = 1 - patch.mean((1, 2))
    share = jnp.where(on, jnp.where(cuts, left, blend), 1.0)
    weight = jnp.where(cuts[:, None, None], 1.0 - patch, blend[:, None, None])
    weight = jnp.where(on, weight, 1.0)[..., None]
    others = jnp.roll(images, 1, 0)
    return weight * images + (1 - weight) * others, Targets(labels, (jnp.roll(labels, 1), share))


def erased(images: Array, uniform: Array, chance: Array) -> Array:
    """Some images without a random rectangle: there the data set's mean stands (0 after normalisation).

    `uniform` (batch, ERASING_DRAWS) in [0, 1).
    """
    chosen, area, aspect, down, across = uniform.T
    low, high = ERASED_SHARE
    share, stretch = low + area * (high - low), jnp.exp((2 * aspect - 1) * ERASED_ASPECT)
    tall, wide = sides(share, stretch)
    top, left = down * (1 - tall), across * (1 - wide)
    gone = rectangle(images.shape[1], top, top + tall, left, left + wide)
    kept: Array = 1 - gone * (chosen < chance)[:, None, None]
    return images * kept[..., None]


def rectangle(size: int, top: Array, bottom: Array, left: Array, right: Array) -> Array:
    """1 where a pixel's centre is inside, else 0: (batch, size, size). The sides in shares of the image, (batch,)."""
    centres = (jnp.arange(size) + 0.5) / size

    def between(first: Array, last: Array) -> Array:
        return (centres >= first[:, None]) & (centres < last[:, None])

    inside = between(top, bottom)[:, :, None] & between(left, right)[:, None, :]
    return inside.astype(jnp.float32)
