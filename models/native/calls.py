"""The kernels as functions of JAX arrays: float32, on CPUs, without gradients of their own (`ops` and `normalization`
give them those). Under `vmap` they are called for one member after the other.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from models.native.library import kernels, target_name
from models.scaling.architecture import Activation

ACTIVATIONS: dict[Activation | None, int] = {None: 0, "swish": 1, "relu": 2, "relu6": 3}  # enum Act in norm.h
# What depthwise.h is compiled for, fully unrolled: the windows of every published family
KERNELS, STRIDES = (3, 5), (1, 2)


def usable(*arrays: Array) -> bool:
    """Whether the kernels can take these arrays: decided when a program is traced.

    XLA cannot divide a kernel among several devices, so with more than one it compiles code of its own.
    """
    alone = jax.default_backend() == "cpu" and jax.local_device_count() == 1
    return alone and all(array.dtype == jnp.float32 for array in arrays) and kernels().usable


def depthwise(x: Array, kernel: Array, stride: int, before: tuple[int, int]) -> Array:
    """(b, h, w, c), (k, k, 1, c) -> (b, ceil(h / stride), ceil(w / stride), c), `before` pixels of padding."""
    batch, height, width, channels = x.shape
    shape = batch, -(-height // stride), -(-width // stride), channels
    (y,) = _call("depthwise_forward", (shape,), x, kernel, **_window(stride, before))
    return y


def depthwise_gradients(
    x: Array, kernel: Array, gradient: Array, stride: int, before: tuple[int, int]
) -> tuple[Array, Array]:
    """Of the map and of the kernel, shaped like them."""
    shapes = x.shape, kernel.shape
    to_input, to_kernel = _call("depthwise_backward", shapes, x, kernel, gradient, **_window(stride, before))
    return to_input, to_kernel


def normalized(
    x: Array, norm: Sequence[Array], training: Array, activation: Activation | None, epsilon: float
) -> tuple[Array, Array, Array]:
    """The map, and the means and variances it was normalised with: of the batch if `training`, else the given ones.

    `norm`: scale, bias, mean, var (c,).
    """
    channels = norm[0].shape
    y, mean, var = _call(
        "norm_forward", (x.shape, channels, channels), x, *norm, training, **_kind(activation, epsilon)
    )
    return y, mean, var


def normalized_gradients(
    x: Array, norm: Sequence[Array], gradient: Array, activation: Activation | None, epsilon: float
) -> tuple[Array, Array, Array]:
    """Of the map, the scale and the offset; `norm` has the statistics of the batch."""
    shapes = x.shape, norm[0].shape, norm[1].shape
    to_x, to_scale, to_bias = _call("norm_backward", shapes, x, *norm, gradient, **_kind(activation, epsilon))
    return to_x, to_scale, to_bias


def pixel_sums(x: Array) -> Array:
    """Sums over height and width: (b, h, w, c) -> (b, c)."""
    (sums,) = _call("sum_pixels", ((x.shape[0], x.shape[-1]),), x)
    return sums


def excited(
    x: Array,
    norm: Sequence[Array],
    training: Array,
    gate: Sequence[Array],
    activation: Activation | None,
    epsilon: float,
) -> tuple[Array, ...]:
    """`normalized`, and the squeeze and excitation behind it, without the map in between.

    `gate`: (c, inner), (inner,), (inner, c), (c,). Answers the map, the means and variances used; and for the gradient
    the channels' means (b, c), what is between (b, inner), the gate (b, c).
    """
    batch, channels, inner = x.shape[0], x.shape[-1], gate[1].shape[0]
    shapes = x.shape, (channels,), (channels,), (batch, channels), (batch, inner), (batch, channels)
    return _call("excite_forward", shapes, x, *norm, training, *gate, **_kind(activation, epsilon))


def excited_gradients(
    x: Array,
    norm: Sequence[Array],
    gate: Sequence[Array],
    kept: Sequence[Array],
    gradient: Array,
    activation: Activation | None,
    epsilon: float,
) -> tuple[Array, ...]:
    """Of the map, of scale and bias, and of the four weights of the gate; `kept` are the last three of `excited`."""
    shapes = x.shape, norm[0].shape, norm[1].shape, *(weight.shape for weight in gate)
    return _call("excite_backward", shapes, x, *norm, *gate, *kept, gradient, **_kind(activation, epsilon))


def cut(first: Array, second: Array, choice: Array, shapes: Sequence[tuple[int, ...]]) -> tuple[Array, ...]:
    """The arrays of these shapes that lie behind each other in `first` if `choice`, else in `second`."""
    return _call("cut", tuple(shapes), first, second, choice)


def _window(stride: int, before: tuple[int, int]) -> dict[str, np.int64]:
    return {"stride": np.int64(stride), "top": np.int64(before[0]), "left": np.int64(before[1])}


def _kind(activation: Activation | None, epsilon: float) -> dict[str, np.int64 | np.float32]:
    return {"activation": np.int64(ACTIVATIONS[activation]), "epsilon": np.float32(epsilon)}


def _call(
    name: str, shapes: tuple[tuple[int, ...], ...], *arguments: Array, **attributes: np.int64 | np.float32
) -> tuple[Array, ...]:
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return tuple(jax.ffi.ffi_call(target_name(name), results, vmap_method="sequential")(*arguments, **attributes))
