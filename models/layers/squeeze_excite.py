"""Squeeze and excitation (arXiv 1709.01507): a gate for each channel of each image, from the channels' means.

It stands behind a BatchNorm and its activation. On CPUs the three are one kernel; the map between is never written.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
from jax import Array

from models.layers import convolutions
from models.layers.batch_norm import activated, normalize_batch
from models.native import calls
from models.scaling.architecture import Activation


class Norm(NamedTuple):
    """BatchNorm's arrays, (c,) each."""

    scale: Array
    bias: Array
    mean: Array
    var: Array


class Gate(NamedTuple):
    """The weights of the two layers: (c, inner), (inner,), (inner, c), (c,)."""

    reduce: Array
    reduce_bias: Array
    expand: Array
    expand_bias: Array


def excited(x: Array, gate: Gate, activation: Activation) -> Array:
    """(b, h, w, c) -> the same; the gate is computed in float32."""
    means = convolutions.pixel_means(x).astype(gate.reduce.dtype)
    hidden = activated(means @ gate.reduce + gate.reduce_bias, activation)
    factors = jax.nn.sigmoid(hidden @ gate.expand + gate.expand_bias)
    return x * factors[:, None, None].astype(x.dtype)


def normalize_excite_batch(
    x: Array, norm: Norm, gate: Gate, training: Array, activation: Activation, epsilon: float
) -> tuple[Array, Array, Array]:
    """`normalize_batch` and then `excited`; answers the map, and the batch's means and variances."""
    if calls.usable(x, *norm, *gate):
        return _fused(x, norm, gate, training, activation, epsilon)
    y, mean, var = normalize_batch(x, *norm, training, activation, epsilon)
    return excited(y, gate, activation), mean, var


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _fused(
    x: Array, norm: Norm, gate: Gate, training: Array, activation: Activation, epsilon: float
) -> tuple[Array, Array, Array]:
    y, mean, var, *_ = calls.excited(x, norm, training, gate, activation, epsilon)
    return y, mean, var


def _forward(
    x: Array, norm: Norm, gate: Gate, training: Array, activation: Activation, epsilon: float
) -> tuple[tuple[Array, Array, Array], Any]:
    y, mean, var, *kept = calls.excited(x, norm, training, gate, activation, epsilon)
    return (y, mean, var), (x, norm._replace(mean=mean, var=var), gate, kept)


def _backward(
    activation: Activation, epsilon: float, residuals: Any, gradients: tuple[Array, Array, Array]
) -> tuple[Array, Norm, Gate, None]:
    x, norm, gate, kept = residuals
    to_x, to_scale, to_bias, *to_gate = calls.excited_gradients(x, norm, gate, kept, gradients[0], activation, epsilon)
    zero = jax.numpy.zeros_like(to_bias)
    return to_x, Norm(to_scale, to_bias, zero, zero), Gate(*to_gate), None


_fused.defvjp(_forward, _backward)
