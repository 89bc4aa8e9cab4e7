"""Convolutions as each backend runs them best. Maps are (batch, height, width, channels), kernels (k, k, in, out).

On CPUs no convolution here becomes an XLA convolution: inside `lax.scan` those are up to 15 times slower (jax #12868),
and XLA's depthwise convolution loses to k*k shifted multiply-adds anywhere (8 to 35 times). On accelerators
`lax.conv_general_dilated` is the vendor's library. Padding is TensorFlow's 'same' or symmetric as in PyTorch: k // 2
pixels on either side. Both put out ceil(size / stride) pixels.
"""

import math
from collections.abc import Iterator
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import Array, lax

from models.native import calls
from models.scaling.architecture import Padding

Margin = tuple[int, int]
SMALL_MAP = 36  # pixels; measured: up to 6x6 one variadic reduction compiles in half the time and runs as fast
GROUPS = 8  # of images; measured: 4 run slower, 16 compile longer
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def margin(size: int, kernel: int, stride: int, padding: Padding = "same") -> Margin:
    """Pixels before and after. TensorFlow's way the odd one goes behind, and what the stride leaves over is not padded.

    >>> margin(32, 3, 2), margin(32, 5, 2), margin(33, 3, 2), margin(32, 3, 2, "symmetric")
    ((0, 1), (1, 2), (1, 1), (1, 1))
    """
    if padding == "symmetric":
        return kernel // 2, kernel // 2
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@jax.custom_vjp
def pointwise(x: Array, kernel: Array) -> Array:
    """1x1 convolution: one matrix product. (b, h, w, c), (1, 1, c, o) -> (b, h, w, o)."""
    return jnp.dot(x, kernel[0, 0])


def _pointwise_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return jnp.dot(x, kernel[0, 0]), (x, kernel)


def _pointwise_backward(residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    """Both products read the gradient as it lies; autodiff's way round has XLA write a transposed copy of it first."""
    x, kernel = residuals
    inputs, outputs = kernel.shape[2:]
    gradient = gradient.reshape(-1, outputs)
    to_input = lax.dot_general(gradient, kernel[0, 0], (((1,), (1,)), ((), ())))
    to_kernel = lax.dot_general(x.reshape(-1, inputs), gradient, (((0,), (0,)), ((), ())))
    return to_input.reshape(x.shape), to_kernel.reshape(kernel.shape)


pointwise.defvjp(_pointwise_forward, _pointwise_backward)


def dense(x: Array, kernel: Array, stride: int, padding: Padding = "same") -> Array:
    """Full convolution. (b, h, w, c), (k, k, c, o) -> (b, ceil(h / stride), ceil(w / stride), o)."""
    if kernel.shape[0] == 1:
        return pointwise(x[:, ::stride, ::stride], kernel)
    if not on_cpu():
        return _convolution(x, kernel, stride, padding, 1)
    patches = jnp.concatenate(list(_taps(x, kernel.shape[0], stride, padding)), axis=-1)
    return pointwise(patches, kernel.reshape(1, 1, -1, kernel.shape[-1]))


def depthwise(x: Array, kernel: Array, stride: int, padding: Padding = "same") -> Array:
    """One filter a channel. (b, h, w, c), (k, k, 1, c) -> (b, ceil(h / stride), ceil(w / stride), c)."""
    if not on_cpu():
        return _convolution(x, kernel, stride, padding, x.shape[-1])
    if len(kernel) in calls.KERNELS and stride in calls.STRIDES and calls.usable(x, kernel):
        return compiled(x, kernel, stride, padding)
    return shifted(x, kernel, stride, padding)


def pixel_means(x: Array) -> Array:
    """Over height and width, in float32: (b, h, w, c) -> (b, c)."""
    if calls.usable(x):
        return _summed(x) / (x.shape[1] * x.shape[2])
    return x.mean((1, 2), dtype=jnp.promote_types(x.dtype, jnp.float32))


@jax.custom_vjp
def _summed(x: Array) -> Array:
    return calls.pixel_sums(x)


_summed.defvjp(
    lambda x: (calls.pixel_sums(x), x.shape),
    lambda shape, gradient: (jnp.broadcast_to(gradient[:, None, None], shape),),
)


def max_pool(x: Array, kernel: int, stride: int, padding: Padding = "same") -> Array:
    """The largest value of each window. (b, h, w, c) -> (b, ceil(h / stride), ceil(w / stride), c).

    As a maximum over shifted views it may stand in a loop on CPUs, and its gradient is element-wise.
    """
    views = list(_taps(x, kernel, stride, padding, fill=-jnp.inf))
    return reduce(jnp.maximum, views)


def _convolution(x: Array, kernel: Array, stride: int, padding: Padding, groups: int) -> Array:
    margins = [margin(size, kernel.shape[0], stride, padding) for size in x.shape[1:3]]
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), margins, dimension_numbers=DIMENSIONS, feature_group_count=groups
    )


def on_cpu() -> bool:
    """Whether programs are compiled for the CPU: decided when a program is traced."""
    return jax.default_backend() == "cpu"


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def shifted(x: Array, kernel: Array, stride: int, padding: Padding = "same") -> Array:
    """Depthwise convolution as k*k shifted multiply-adds, with gradients of its own."""
    return _multiply_add(x, kernel, stride, padding)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def compiled(x: Array, kernel: Array, stride: int, padding: Padding = "same") -> Array:
    """Depthwise convolution by the kernels of `models/native`, where `calls.usable`."""
    return calls.depthwise(x, kernel, stride, _before(x.shape, len(kernel), stride, padding))


def _compiled_forward(x: Array, kernel: Array, stride: int, padding: Padding) -> tuple[Array, tuple[Array, Array]]:
    return compiled(x, kernel, stride, padding), (x, kernel)


def _compiled_backward(
    stride: int, padding: Padding, residuals: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    x, kernel = residuals
    return calls.depthwise_gradients(x, kernel, gradient, stride, _before(x.shape, len(kernel), stride, padding))


def _before(shape: tuple[int, ...], k: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Pixels of padding above and to the left of a map (b, h, w, c)."""
    top, left = (margin(size, k, stride, padding)[0] for size in shape[1:3])
    return top, left


compiled.defvjp(_compiled_forward, _compiled_backward)


def _multiply_add(x: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    k = kernel.shape[0]
    weights = kernel.reshape(k * k, -1)
    products = [tap * weights[position] for position, tap in enumerate(_taps(x, k, stride, padding))]
    return sum(products[1:], start=products[0])


def _forward(x: Array, kernel: Array, stride: int, padding: Padding) -> tuple[Array, tuple[Array, Array]]:
    return _multiply_add(x, kernel, stride, padding), (x, kernel)


def _backward(stride: int, padding: Padding, residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    to_input = _input_gradient(x.shape, kernel, stride, padding, gradient)
    return to_input, _weight_gradient(x, gradient, kernel.shape[0], stride, padding)


def _input_gradient(shape: tuple[int, ...], kernel: Array, stride: int, padding: Padding, gradient: Array) -> Array:
    """Stride 1: the same convolution turned by 180 degrees. Else each of the stride * stride phases of the map has its
    own few taps, and the phases are laid side by side: XLA's way, a gradient spread out with zeros between, is slower.
    """
    if stride == 1:
        return _multiply_add(gradient, kernel[::-1, ::-1], 1, "same")
    batch, height, width, channels = shape
    k = len(kernel)
    around = (k - 1) // stride
    before = _before(shape, k, stride, padding)
    rows, columns = -(-height // stride), -(-width // stride)
    behind = [around + (edge + stride - 1) // stride for edge in before]
    padded = jnp.pad(gradient, ((0, 0), (around, behind[0]), (around, behind[1]), (0, 0)))

    def phase(p: int, q: int) -> Array:
        taps = [
            lax.slice(padded, (0, down, right, 0), (batch, down + rows, right + columns, channels)) * kernel[i, j, 0]
            for i, down in _phase_taps(p + before[0], k, stride, around)
            for j, right in _phase_taps(q + before[1], k, stride, around)
        ]
        return sum(taps[1:], start=taps[0]) if taps else jnp.zeros((batch, rows, columns, channels), gradient.dtype)

    lines = [jnp.stack([phase(p, q) for q in range(stride)], axis=3) for p in range(stride)]
    whole = jnp.stack(lines, axis=2).reshape(batch, rows * stride, columns * stride, channels)
    return whole[:, :height, :width]


def _phase_taps(position: int, k: int, stride: int, around: int) -> Iterator[tuple[int, int]]:
    """(tap, where its slice of the padded gradient begins), for input pixels `position` (mod stride) of that map."""
    for tap in range(position % stride, k, stride):
        yield tap, (position - tap) // stride + around


def _weight_gradient(x: Array, gradient: Array, k: int, stride: int, padding: Padding) -> Array:
    """k*k sums over all pixels, (k, k, 1, c). XLA sums over leading dimensions channel by channel, which on large maps
    misses the cache at every step; there, groups of images are added first, which runs along memory.
    """
    products = [tap * gradient for tap in _taps(x, k, stride, padding)]
    if math.prod(gradient.shape[1:3]) <= SMALL_MAP:
        zero = jnp.zeros((), gradient.dtype)
        sums = lax.reduce(products, [zero] * k**2, lambda a, b: [p + q for p, q in zip(a, b, strict=True)], (0, 1, 2))
        return jnp.stack(sums).reshape(k, k, 1, -1)
    groups = math.gcd(len(x), GROUPS)
    parts = [jnp.split(product, groups) for product in products]
    return jnp.stack([sum(part[1:], start=part[0]) for part in parts]).sum((1, 2, 3)).reshape(k, k, 1, -1)


shifted.defvjp(_forward, _backward)


def _taps(x: Array, k: int, stride: int, padding: Padding, fill: float = 0.0) -> Iterator[Array]:
    """The k*k shifted views of the padded map, row by row, each of the output's height and width."""
    batch, height, width, channels = x.shape
    rows, columns = margin(height, k, stride, padding), margin(width, k, stride, padding)
    padded = jnp.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=fill)
    down, right = (-(-height // stride) - 1) * stride + 1, (-(-width // stride) - 1) * stride + 1
    for i in range(k):
        for j in range(k):
            yield lax.slice(padded, (0, i, j, 0), (batch, i + down, j + right, channels), (1, stride, stride, 1))
