"""BatchNorm and the activation behind it as one operation, with a gradient written for few passes over memory.

Autodiff would keep the normalised map, the activation's argument and its sigmoid; here the backward keeps the input
map alone and recomputes the rest, which is cheaper than reading it, and compiles faster.
"""

from functools import partial
from typing import assert_never

import jax
import jax.numpy as jnp
from jax import Array, lax

from models.native import calls
from models.scaling.architecture import Activation

PIXELS = (0, 1, 2)


def activated(x: Array, activation: Activation | None) -> Array:
    """Element by element; None leaves x as it is."""
    match activation:
        case None:
            return x
        case "swish":
            return jax.nn.swish(x)
        case "relu":
            return jax.nn.relu(x)
        case "relu6":
            return jax.nn.relu6(x)
    assert_never(activation)


def slope(x: Array, activation: Activation) -> Array:
    """The derivative of the activation at x."""
    match activation:
        case "swish":
            sigmoid = jax.nn.sigmoid(x)
            return sigmoid * (1 + x * (1 - sigmoid))
        case "relu":
            return (x > 0).astype(x.dtype)
        case "relu6":
            return ((x > 0) & (x < 6)).astype(x.dtype)
    assert_never(activation)


def normalize(
    x: Array, scale: Array, bias: Array, mean: Array, var: Array, activation: Activation | None, epsilon: float
) -> Array:
    """With given statistics. (b, h, w, c) and four times (c,) -> (b, h, w, c), of x's own type; computed in float32."""
    factor = scale * lax.rsqrt(var + epsilon)
    y = x.astype(scale.dtype) * factor + (bias - mean * factor)
    return activated(y, activation).astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(6, 7))
def normalize_batch(
    x: Array,
    scale: Array,
    bias: Array,
    mean: Array,
    var: Array,
    training: Array,
    activation: Activation | None,
    epsilon: float,
) -> tuple[Array, Array, Array]:
    """With the statistics of the batch when `training` (a boolean scalar), else with the given `mean` and `var`.

    Answers the map, and the batch's means and (biased) variances, which are constants to a gradient. The gradient is
    that of training.
    """
    return _forward(x, scale, bias, mean, var, training, activation, epsilon)[0]


Residuals = tuple[Array, Array, Array, Array, Array]


def _forward(
    x: Array,
    scale: Array,
    bias: Array,
    mean: Array,
    var: Array,
    training: Array,
    activation: Activation | None,
    epsilon: float,
) -> tuple[tuple[Array, Array, Array], Residuals]:
    if calls.usable(x, scale):
        y, mean, var = calls.normalized(x, (scale, bias, mean, var), training, activation, epsilon)
        return (y, mean, var), (x, scale, bias, mean, var)
    pixels = x.size // x.shape[-1]
    wide = x.astype(scale.dtype)
    total, squares = _sums(wide, wide * wide)
    batch_mean = total / pixels
    batch_var = jnp.maximum(squares / pixels - batch_mean * batch_mean, 0.0)
    mean, var = jnp.where(training, batch_mean, mean), jnp.where(training, batch_var, var)
    y = normalize(x, scale, bias, mean, var, activation, epsilon)
    return (y, batch_mean, batch_var), (x, scale, bias, mean, var)


def _backward(
    activation: Activation | None, epsilon: float, residuals: Residuals, gradients: tuple[Array, Array, Array]
) -> tuple[Array | None, ...]:
    x, scale, bias, mean, var = residuals
    if calls.usable(x, scale):
        found = calls.normalized_gradients(x, (scale, bias, mean, var), gradients[0], activation, epsilon)
        return (*found, None, None, None)
    pixels = x.size // x.shape[-1]
    inverse = lax.rsqrt(var + epsilon)
    unit = (x.astype(scale.dtype) - mean) * inverse
    gradient = gradients[0].astype(scale.dtype)
    if activation:
        gradient = gradient * slope(unit * scale + bias, activation)
    to_bias, to_scale = _sums(gradient, gradient * unit)
    to_x = scale * inverse * (gradient - (to_bias + unit * to_scale) / pixels)
    return to_x.astype(x.dtype), to_scale, to_bias, None, None, None


normalize_batch.defvjp(_forward, _backward)


def _sums(a: Array, b: Array) -> tuple[Array, Array]:
    """Two sums over all pixels: (b, h, w, c) twice -> (c,) twice."""
    return a.sum(PIXELS), b.sum(PIXELS)
