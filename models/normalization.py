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


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalize_batch(x: Array, scale: Array, bias: Array, activation: Activation | None) -> tuple[Array, Array, Array]:
    """With the statistics of the batch. Answers the map, its means and its (biased) variances; the latter two are
    constants to a gradient."""
    return _forward(x, scale, bias, activation)[0]


Residuals = tuple[Array, Array, Array, Array, Array]


def _forward(
    x: Array, scale: Array, bias: Array, activation: Activation | None
) -> tuple[tuple[Array, Array, Array], Residuals]:
    pixels = x.size // x.shape[-1]
    total, squares = _sums(x, x * x)
    mean = total / pixels
    var = jnp.maximum(squares / pixels - mean * mean, 0.0)
    return (normalize(x, scale, bias, mean, var, activation), mean, var), (x, scale, bias, mean, var)


def _backward(
    activation: Activation | None, residuals: Residuals, gradients: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array]:
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
    return to_x, to_scale, to_bias


normalize_batch.defvjp(_forward, _backward)


def _sums(a: Array, b: Array) -> tuple[Array, Array]:
    """Two sums over all pixels: (b, h, w, c) twice -> (c,) twice."""
    return a.sum(PIXELS), b.sum(PIXELS)
