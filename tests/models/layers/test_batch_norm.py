"""BatchNorm's own gradient against autodiff of the definition, and what evaluation uses."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from models.layers.batch_norm import activated, normalize, normalize_batch
from models.scaling.architecture import Activation

EPSILON = 1e-3


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def defined(x: Array, scale: Array, bias: Array, activation: Activation | None) -> Array:
    y = (x - x.mean((0, 1, 2))) / jnp.sqrt(x.var((0, 1, 2)) + EPSILON) * scale + bias
    return activated(y, activation)


def arguments(*shape: int) -> tuple[Array, Array, Array]:
    random = np.random.default_rng(0)
    x = random.normal(size=shape) * 2 + 1
    return jnp.asarray(x), jnp.asarray(random.normal(size=shape[-1])), jnp.asarray(random.normal(size=shape[-1]))


@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (1, 2, 2, 3)])
@pytest.mark.parametrize("activation", ["swish", "relu", "relu6", None])
def test_values_and_gradients_are_those_of_the_definition(
    shape: tuple[int, int, int, int], activation: Activation | None
) -> None:
    given_ = arguments(*shape)
    unused = jnp.zeros(shape[-1]), jnp.ones(shape[-1])

    def ours(x: Array, scale: Array, bias: Array) -> Array:
        return normalize_batch(x, scale, bias, *unused, jnp.asarray(True), activation, EPSILON)[0]

    def both(
        f: Callable[[Array, Array, Array], Array],
    ) -> Callable[[Array, Array, Array, Array], tuple[Array, tuple[Array, ...]]]:
        def run(x: Array, scale: Array, bias: Array, gradient: Array) -> tuple[Array, tuple[Array, ...]]:
            value, pull = jax.vjp(f, x, scale, bias)
            return value, pull(gradient)

        return jax.jit(run)

    gradient = jnp.asarray(np.random.default_rng(1).normal(size=shape))
    found = both(ours)(*given_, gradient)
    expected = both(lambda x, scale, bias: defined(x, scale, bias, activation))(*given_, gradient)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)


def test_the_statistics_it_answers_are_those_of_the_batch() -> None:
    x, scale, bias = arguments(3, 4, 4, 2)
    for training in (True, False):
        _, mean, var = normalize_batch(
            x, scale, bias, jnp.ones(2), jnp.ones(2), jnp.asarray(training), "swish", EPSILON
        )
        np.testing.assert_allclose(mean, x.mean((0, 1, 2)))
        np.testing.assert_allclose(var, x.var((0, 1, 2)))


def test_evaluation_uses_the_running_statistics() -> None:
    x, scale, bias = arguments(3, 4, 4, 2)
    running = jnp.asarray([0.5, -1.0]), jnp.asarray([2.0, 3.0])
    found, *_ = normalize_batch(x, scale, bias, *running, jnp.asarray(False), "swish", EPSILON)
    np.testing.assert_allclose(found, normalize(x, scale, bias, *running, "swish", EPSILON))
    assert not np.allclose(found, defined(x, scale, bias, "swish"))


def test_epsilon_is_inside_the_root_and_the_forms_own() -> None:
    x, scale, bias = arguments(3, 4, 4, 2)
    for epsilon in (1e-5, 0.5):
        found, *_ = normalize_batch(x, scale, bias, jnp.zeros(2), jnp.ones(2), jnp.asarray(True), None, epsilon)
        expected = (x - x.mean((0, 1, 2))) / jnp.sqrt(x.var((0, 1, 2)) + epsilon) * scale + bias
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_bfloat16_maps_have_float32_statistics() -> None:
    """A sum of 4,096 numbers in bfloat16 would lose whole units: the mean here is exact to float32."""
    x = jnp.full((1, 64, 64, 1), 1.0, jnp.bfloat16)
    one = jnp.ones(1, jnp.float32)
    found, mean, var = normalize_batch(x, one, 0 * one, 0 * one, one, jnp.asarray(True), "relu", EPSILON)
    assert (found.dtype, mean.dtype, var.dtype) == (jnp.bfloat16, jnp.float32, jnp.float32)
    assert float(mean[0]) == 1.0
    assert float(var[0]) == 0.0
