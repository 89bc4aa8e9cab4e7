"""BatchNorm and the activation behind it as one operation, with a gradient written for few passes over memory.

Autodiff would keep the normalised map, the activation's argument and its sigmoid; here the backward keeps the input
map alone and recomputes the rest, which is cheaper than reading it, and compiles faster.
"""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array, lax

Activation = Literal["swish"]
EPSILON = 1e-3  # tensorflow/tpu efficientnet_builder.py, batch_norm_epsilon
PIXELS = (0, 1, 2)


def normalize(x: Array, scale: Array, bias: Array, mean: Array, var: Array, activation: Activation | None) -> Array:
    """With given statistics. (b, h, w, c) and four times (c,) -> (b, h, w, c)."""
    slope = scale * lax.rsqrt(var + EPSILON)
    y = x * slope + (bias - mean * slope)
    return jax.nn.swish(y) if activation else y


@partial(jax.custom_vjp, nondiff_argnums=(6,))
def normalize_batch(
    x: Array, scale: Array, bias: Array, mean: Array, var: Array, training: Array, activation: Activation | None
) -> tuple[Array, Array, Array]:
    """With the statistics of the batch when `training` (a boolean scalar), else with the given `mean` and `var`.

    Answers the map, and the batch's means and (biased) variances, which are constants to a gradient. The gradient is
    that of training.
    """
    return _forward(x, scale, bias, mean, var, training, activation)[0]


Residuals = tuple[Array, Array, Array, Array, Array]


def _forward(
    x: Array, scale: Array, bias: Array, mean: Array, var: Array, training: Array, activation: Activation | None
) -> tuple[tuple[Array, Array, Array], Residuals]:
    pixels = x.size // x.shape[-1]
    total, squares = _sums(x, x * x)
    batch_mean = total / pixels
    batch_var = jnp.maximum(squares / pixels - batch_mean * batch_mean, 0.0)
    mean, var = jnp.where(training, batch_mean, mean), jnp.where(training, batch_var, var)
    y = normalize(x, scale, bias, mean, var, activation)
    return (y, batch_mean, batch_var), (x, scale, bias, mean, var)


def _backward(
    activation: Activation | None, residuals: Residuals, gradients: tuple[Array, Array, Array]
) -> tuple[Array | None, ...]:
    x, scale, bias, mean, var = residuals
    pixels = x.size // x.shape[-1]
    inverse = lax.rsqrt(var + EPSILON)
    unit = (x - mean) * inverse
    gradient = gradients[0]
    if activation:
        argument = unit * scale + bias
        sigmoid = jax.nn.sigmoid(argument)
        gradient = gradient * (sigmoid * (1 + argument * (1 - sigmoid)))
    to_bias, to_scale = _sums(gradient, gradient * unit)
    to_x = scale * inverse * (gradient - (to_bias + unit * to_scale) / pixels)
    return to_x, to_scale, to_bias, None, None, None


normalize_batch.defvjp(_forward, _backward)


def _sums(a: Array, b: Array) -> tuple[Array, Array]:
    """Two sums over all pixels: (b, h, w, c) twice -> (c,) twice."""
    return a.sum(PIXELS), b.sum(PIXELS)
