"""How a step changes the weights: gradient transformations on flat vectors, rate schedules, averaging."""

import jax.numpy as jnp
import optax
from jax import Array

from models.recipe import OptimizerName, ScheduleName

MOMENTUM = 0.9  # arXiv 1905.11946, section 5
RMS_DECAY = 0.9  # the same
RMS_EPSILON = 1e-3  # tensorflow/tpu efficientnet, utils.py: inside the root
DECAY_FACTOR, DECAY_EPOCHS = 0.97, 2.4  # arXiv 1905.11946, section 5


def transformation(
    optimizer: OptimizerName, rate: Array | float, decay: Array | float, decayed: Array | float
) -> optax.GradientTransformation:
    """The optimizer for this step's `rate`. `decayed` is 1 where weight decay acts and 0 elsewhere.

    `rmsprop` is TensorFlow's: the mean square starts at 1, epsilon is inside the root, and the rate is inside the
    momentum. For it and `sgd` the decay is L2 (its gradient goes through the optimizer); for `adamw` it is decoupled.
    """
    step = optax.scale_by_learning_rate(rate)
    match optimizer:
        case "rmsprop":
            scaled = optax.scale_by_rms(decay=RMS_DECAY, eps=RMS_EPSILON, initial_scale=1.0, eps_in_sqrt=True)
            return optax.chain(_l2(decay, decayed), scaled, step, optax.trace(MOMENTUM))
        case "sgd":
            return optax.chain(_l2(decay, decayed), step, optax.trace(MOMENTUM))
        case "adamw":
            return optax.chain(optax.scale_by_adam(), _l2(decay, decayed), step)


def rate(schedule: ScheduleName, step: Array, steps_per_epoch: int, peak: Array, warmup: Array, epochs: Array) -> Array:
    """The learning rate of a step (0-based). `warmup` and `epochs` in epochs; all but the names may be traced."""
    epoch = step / steps_per_epoch
    match schedule:
        case "cosine":
            progress = jnp.clip((epoch - warmup) / jnp.maximum(epochs - warmup, 1 / steps_per_epoch), 0, 1)
            factor = 0.5 * (1 + jnp.cos(jnp.pi * progress))
        case "exponential":
            factor = DECAY_FACTOR ** jnp.floor(epoch / DECAY_EPOCHS)
        case "constant":
            factor = jnp.ones(())
    ramp = jnp.minimum(1.0, (step + 1) / jnp.maximum(warmup * steps_per_epoch, 1.0))
    return peak * jnp.where(ramp < 1, ramp, factor)


def averaged(average: Array, value: Array, decay: Array, step: Array) -> Array:
    """Exponential moving average, ramped so that it forgets the initial values: min(decay, (1 + n) / (10 + n))."""
    share = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return share * average + (1 - share) * value


def _l2(decay: Array | float, decayed: Array | float) -> optax.GradientTransformation:
    return optax.stateless(lambda gradient, weights: gradient + decay * decayed * weights)
