"""The lowerings against XLA's own convolution, in values and in all gradients, in float64."""

import math
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax

from models.layers import convolutions
from models.scaling.architecture import Padding

PADDINGS = st.sampled_from(("same", "symmetric"))
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def xla(x: Array, kernel: Array, stride: int, groups: int = 1, padding: Padding = "same") -> Array:
    margin = (len(kernel) // 2, len(kernel) // 2)
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "SAME" if padding == "same" else (margin, margin),
        dimension_numbers=DIMENSIONS,
        feature_group_count=groups,
    )


def agree(ours: Callable[..., Array], theirs: Callable[..., Array], *arguments: Array) -> None:
    shape = jax.eval_shape(theirs, *arguments).shape
    gradient = jnp.asarray(np.random.default_rng(1).normal(size=shape))

    @jax.jit  # one program an example: operation by operation each would be compiled alone
    def both(gradient: Array, *arguments: Array) -> list[tuple[Array, Array]]:
        value, pull = jax.vjp(ours, *arguments)
        expected, pull_expected = jax.vjp(theirs, *arguments)
        return [(value, expected), *zip(pull(gradient), pull_expected(gradient), strict=True)]

    for found, wanted in both(gradient, *arguments):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def numbers(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=shape))


@settings(max_examples=12)
@given(
    batch=st.sampled_from([1, 3, 8]),
    height=st.integers(1, 11),
    width=st.integers(1, 11),
    channels=st.integers(1, 4),
    kernel=st.sampled_from([1, 3, 5, 7]),
    stride=st.integers(1, 3),
    padding=PADDINGS,
)
def test_depthwise(
    batch: int, height: int, width: int, channels: int, kernel: int, stride: int, padding: Padding
) -> None:
    agree(
        lambda x, k: convolutions.depthwise(x, k, stride, padding),
        lambda x, k: xla(x, k, stride, channels, padding),
        numbers(batch, height, width, channels),
        numbers(kernel, kernel, 1, channels),
    )


@settings(max_examples=6)
@given(
    size=st.integers(1, 11),
    inputs=st.integers(1, 4),
    outputs=st.integers(1, 4),
    kernel=st.sampled_from([1, 3, 5, 7]),
    stride=st.integers(1, 2),
    padding=PADDINGS,
)
def test_dense(size: int, inputs: int, outputs: int, kernel: int, stride: int, padding: Padding) -> None:
    agree(
        lambda x, k: convolutions.dense(x, k, stride, padding),
        lambda x, k: xla(x, k, stride, 1, padding),
        numbers(2, size, size, inputs),
        numbers(kernel, kernel, inputs, outputs),
    )


@settings(max_examples=6)
@given(size=st.integers(1, 12), kernel=st.sampled_from([3, 5]), stride=st.integers(1, 3), padding=PADDINGS)
def test_max_pool(size: int, kernel: int, stride: int, padding: Padding) -> None:
    """All values differ, so that the gradient has one place to go to."""
    margin = ((kernel // 2, kernel // 2),) * 2
    around = "SAME" if padding == "same" else ((0, 0), *margin, (0, 0))
    shape = (2, size, size, 3)
    x = jnp.asarray(np.random.default_rng(0).permutation(math.prod(shape)).reshape(shape), jnp.float64)
    agree(
        lambda x: convolutions.max_pool(x, kernel, stride, padding),
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, kernel, kernel, 1), (1, stride, stride, 1), around),
        x,
    )


def test_pointwise() -> None:
    agree(convolutions.pointwise, lambda x, k: xla(x, k, 1), numbers(2, 5, 4, 3), numbers(1, 1, 3, 6))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(32, 3, 2, (0, 1)), (32, 5, 2, (1, 2)), (33, 3, 2, (1, 1))]
)
def test_same_padding_is_tensorflows_and_symmetric_is_not(
    size: int, kernel: int, stride: int, padding: tuple[int, int]
) -> None:
    assert convolutions.margin(size, kernel, stride) == padding
    assert convolutions.margin(size, kernel, stride, "symmetric") == (kernel // 2, kernel // 2)


def test_no_xla_convolution_is_left_on_a_cpu() -> None:
    """Inside a loop XLA's convolutions are up to 15 times slower on CPUs (jax #12868)."""

    def both(x: Array, k: Array, d: Array) -> Array:
        return convolutions.depthwise(convolutions.dense(x, k, 2), d, 1).sum()

    program = jax.jit(jax.grad(both, (0, 1, 2))).lower(numbers(1, 8, 8, 3), numbers(3, 3, 3, 4), numbers(3, 3, 1, 4))
    assert "convolution" not in program.as_text()
