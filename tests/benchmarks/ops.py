"""Operation by shape by lowering: a depthwise convolution with both its gradients, BatchNorm with its activation."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from models.layers import convolutions
from models.layers.batch_norm import activated, normalize_batch
from models.native import calls
from models.native.library import kernels
from tests.benchmarks.figures import Figure, Plan, Skipped, interleaved

# (batch, pixels a side, channels, window, stride) of EfficientNet-B0 at 64 px and of a search candidate
SHAPES = (
    (32, 32, 32, 3, 1),
    (32, 32, 96, 3, 2),
    (32, 16, 144, 5, 2),
    (32, 8, 240, 3, 1),
    (32, 4, 672, 5, 1),
    (64, 10, 96, 3, 1),
)
MAPS = ((32, 32, 96), (32, 16, 144), (32, 4, 672), (64, 10, 96))
TIMES = 10  # calls of one round: a single one is over in a millisecond
EPSILON = 1e-3


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """Every depthwise shape against two lowerings, then every map."""
    if not kernels().usable:
        yield Skipped("operations by lowering", f"the CPU kernels are not there: {kernels().detail}")
        return
    for shape in SHAPES:
        yield from _depthwise(*shape)
    for size in MAPS:
        yield _normalization(*size)


def _library(x: Array, kernel: Array, stride: int) -> Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=dimensions, feature_group_count=x.shape[-1]
    )


def _depthwise(batch: int, size: int, channels: int, window: int, stride: int) -> Iterator[Figure]:
    arrays = _numbers(batch, size, size, channels), _numbers(window, window, 1, channels)
    name = f"depthwise {window}x{window} stride {stride}, {batch}x{size}x{size}x{channels}, with gradients"
    rivals = {"shifted multiply-adds in XLA": convolutions.shifted, "lax.conv_general_dilated": _library}
    ours = _trained(partial(convolutions.compiled, stride=stride, padding="same"), *arrays)
    for rival, lowering in rivals.items():
        yield _figure(name, ours, rival, _trained(partial(lowering, stride=stride), *arrays))


def _normalization(batch: int, size: int, channels: int) -> Figure:
    x, ones, zeros = _numbers(batch, size, size, channels), jnp.ones(channels), jnp.zeros(channels)

    def ours(x: Array, scale: Array, bias: Array) -> Array:
        return normalize_batch(x, scale, bias, zeros, ones, jnp.asarray(True), "swish", EPSILON)[0]

    def plain(x: Array, scale: Array, bias: Array) -> Array:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        return activated((x - mean) * lax.rsqrt(var + EPSILON) * scale + bias, "swish")

    assert calls.usable(x, ones)
    name = f"BatchNorm and Swish, {batch}x{size}x{size}x{channels}, with gradients"
    return _figure(name, _trained(ours, x, ones, zeros), "XLA and autodiff", _trained(plain, x, ones, zeros))


def _trained(function: Callable[..., Array], *arrays: Array) -> Callable[[], object]:
    """Runs it forwards and backwards some times."""

    @jax.jit
    def step(seed: Array, *arrays: Array) -> Any:
        value, pull = jax.vjp(function, *arrays)
        return value, pull(seed)

    seed = jnp.ones(jax.eval_shape(function, *arrays).shape)
    return lambda: [jax.block_until_ready(step(seed, *arrays)) for _ in range(TIMES)]


def _figure(name: str, ours: Callable[[], object], versus: str, other: Callable[[], object]) -> Figure:
    mine, theirs = interleaved(ours, other)
    return Figure(
        name, "ms", [1e3 * value / TIMES for value in mine], versus, [1e3 * value / TIMES for value in theirs]
    )


def _numbers(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
