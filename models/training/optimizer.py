"""How a step changes the weights: gradient transformations on flat vectors, rate schedules, averaging."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from models.recipe.length import RMS_DECAY, RMS_EPSILON
from models.recipe.recipe import OptimizerName, ScheduleName

MOMENTUM = 0.9  # arXiv 1905.11946, section 5
SHORTEST = 1e-30  # a gradient of length 0 is not divided by 0; below any length that training meets
LAMB_EPSILON = 1e-6  # arXiv 1904.00962, algorithm 2, as in optax.lamb


def transformation(
    optimizer: OptimizerName,
    rate: Array | float,
    decay: Array | float,
    decayed: Array | float,
    *,
    momentum: Array | float = MOMENTUM,
    sizes: Sequence[int] = (),
) -> optax.GradientTransformation:
    """The optimizer for this step's `rate`. `decayed` is 1 where weight decay acts and 0 elsewhere.

    `rmsprop` is TensorFlow's: the mean square starts at 1, epsilon is inside the root, and the rate is inside the
    momentum. For it and `sgd` the decay is L2 (its gradient goes through the optimizer); for `adamw` and `lamb` it is
    decoupled. `lamb` needs the `sizes` of the arrays that lie behind each other in the flat vector.
    """
    step = optax.scale_by_learning_rate(rate)
    match optimizer:
        case "rmsprop":
            scaled = optax.scale_by_rms(decay=RMS_DECAY, eps=RMS_EPSILON, initial_scale=1.0, eps_in_sqrt=True)
            return optax.chain(_l2(decay, decayed), scaled, step, optax.trace(momentum))
        case "sgd":
            return optax.chain(_l2(decay, decayed), step, optax.trace(momentum))
        case "adamw":
            return optax.chain(optax.scale_by_adam(b1=momentum), _l2(decay, decayed), step)
        case "lamb":
            adam = optax.scale_by_adam(b1=momentum, eps=LAMB_EPSILON)
            return optax.chain(adam, _l2(decay, decayed), _trusted(sizes), step)


def rate(
    schedule: ScheduleName,
    step: Array,
    steps_per_epoch: int,
    peak: Array,
    warmup: Array,
    epochs: Array,
    decay_rate: Array,
    decay_epochs: Array,
) -> Array:
    """The learning rate of a step (0-based). `warmup`, `epochs`, `decay_epochs` in epochs; only the name is static."""
    epoch = step / steps_per_epoch
    match schedule:
        case "cosine":
            progress = jnp.clip((epoch - warmup) / jnp.maximum(epochs - warmup, 1 / steps_per_epoch), 0, 1)
            factor = 0.5 * (1 + jnp.cos(jnp.pi * progress))
        case "exponential":
            factor = decay_rate ** jnp.floor(epoch / decay_epochs)
        case "constant":
            factor = jnp.ones(())
    ramp = jnp.minimum(1.0, (step + 1) / jnp.maximum(warmup * steps_per_epoch, 1.0))
    return peak * jnp.where(ramp < 1, ramp, factor)


def averaged(average: Array, value: Array, decay: Array, step: Array) -> Array:
    """Exponential moving average, ramped so that it forgets the initial values: min(decay, (1 + n) / (10 + n)).

    Of the initial values no more than decay ** (n + 1) is left after the 0-based step n.
    """
    share = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return blended(average, value, 1 - share)


def blended(old: Array, new: Array, share: Array) -> Array:
    """`share` of the new one. What does not change stays as it is to the bit, as frozen weights must.

    Written as old + share * (new - old) it would not need the condition; but XLA's CPU loops then round differently
    from one memory address to another (measured with jaxlib 0.10.2), and no training could be resumed to the bit.
    """
    return jnp.where(old == new, old, (1 - share) * old + share * new)


def clipped(gradient: Array, longest: Array) -> Array:
    """The gradient, shortened to that length where it is longer."""
    length = jnp.sqrt((gradient**2).sum())
    return gradient * jnp.minimum(1.0, longest / jnp.maximum(length, SHORTEST))


def _l2(decay: Array | float, decayed: Array | float) -> optax.GradientTransformation:
    return optax.stateless(lambda gradient, weights: gradient + decay * decayed * weights)


def _trusted(sizes: Sequence[int]) -> optax.GradientTransformation:
    """Each array's change becomes as long as the array itself; a zero of either leaves the change alone."""
    ends = np.cumsum(sizes)

    def scaled(change: Array, weights: Array) -> Array:
        parts = []
        for size, end in zip(sizes, ends, strict=True):
            ours, theirs = weights[end - size : end], change[end - size : end]
            long, step = jnp.sqrt((ours**2).sum()), jnp.sqrt((theirs**2).sum())
            parts.append(theirs * jnp.where((long > 0) & (step > 0), long / jnp.where(step > 0, step, 1.0), 1.0))
        return jnp.concatenate(parts)

    return optax.stateless(scaled)
