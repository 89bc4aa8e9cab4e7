"""The CPU kernels against XLA's own operations in float64, in loops, under vmap, and without a compiler."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax

from models.layers import convolutions, squeeze_excite
from models.layers.batch_norm import activated, normalize_batch
from models.layers.squeeze_excite import Gate, Norm
from models.native import calls, library
from models.scaling.architecture import Activation, Padding

ACTIVATIONS = st.sampled_from((None, "swish", "relu", "relu6"))
CHANNELS = st.sampled_from((1, 5, 8, 16, 24, 40, 80))  # less than a vector, whole vectors, and with halves left over
EPSILON = 1e-3


@pytest.fixture(autouse=True)
def _kernels() -> None:
    if not library.kernels().usable:
        pytest.skip(f"the CPU kernels are not there: {library.kernels().detail}")


@pytest.fixture
def _float64() -> Iterator[None]:
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def agree(ours: Callable[..., Any], wanted: Callable[..., Any], *arguments: np.ndarray) -> None:
    """Values and gradients, ours in float32 and the wanted ones in float64, to a few float32 roundings."""

    @jax.jit
    def both(seed: Array, *arguments: Array) -> tuple[Any, Any]:
        answers = []
        for function, kind in ((ours, jnp.float32), (wanted, jnp.float64)):
            value, pull = jax.vjp(function, *(argument.astype(kind) for argument in arguments))
            answers.append((value, pull(seed.astype(kind))))
        return tuple(answers)

    shape = jax.eval_shape(ours, *(jax.ShapeDtypeStruct(array.shape, jnp.float32) for array in arguments)).shape
    found, expected = both(jnp.asarray(numbers(9, *shape)), *(jnp.asarray(array) for array in arguments))
    for mine, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert mine.dtype == jnp.float32
        scale = max(1.0, float(jnp.abs(theirs).max()))
        np.testing.assert_allclose(mine / scale, theirs / scale, atol=3e-5)


@settings(max_examples=12)
@given(
    batch=st.integers(1, 3),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    channels=CHANNELS,
    kernel=st.sampled_from(calls.KERNELS),
    stride=st.sampled_from(calls.STRIDES),
    padding=st.sampled_from(("same", "symmetric")),
)
@pytest.mark.usefixtures("_float64")
def test_depthwise(
    batch: int, height: int, width: int, channels: int, kernel: int, stride: int, padding: Padding
) -> None:
    agree(
        lambda x, k: convolutions.compiled(x, k, stride, padding),
        lambda x, k: convolutions.shifted(x, k, stride, padding),  # checked against lax.conv_general_dilated elsewhere
        numbers(0, batch, height, width, channels),
        numbers(1, kernel, kernel, 1, channels),
    )


def normalized(x: Array, scale: Array, bias: Array, activation: Activation | None) -> Array:
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return activated((x - mean) * lax.rsqrt(var + EPSILON) * scale + bias, activation)


def statistics(channels: int) -> tuple[np.ndarray, ...]:
    return numbers(3, channels), np.abs(numbers(4, channels)) + 0.5


@settings(max_examples=10)
@given(batch=st.integers(1, 4), size=st.integers(2, 12), channels=CHANNELS, activation=ACTIVATIONS)
@pytest.mark.usefixtures("_float64")
def test_normalization(batch: int, size: int, channels: int, activation: Activation | None) -> None:
    given = statistics(channels)
    agree(
        lambda x, s, b: normalize_batch(x, s, b, *given, jnp.asarray(True), activation, EPSILON)[0],
        lambda x, s, b: normalized(x, s, b, activation),
        numbers(0, batch, size, size, channels),
        numbers(1, channels),
        numbers(2, channels),
    )


@settings(max_examples=8)
@given(batch=st.integers(1, 4), size=st.integers(2, 9), channels=CHANNELS, inner=st.integers(1, 20))
@pytest.mark.usefixtures("_float64")
def test_squeeze_and_excitation_behind_normalization(batch: int, size: int, channels: int, inner: int) -> None:
    given = statistics(channels)
    weights = numbers(3, channels, inner), numbers(4, inner), numbers(5, inner, channels), numbers(6, channels)
    agree(
        lambda x, s, b, *gate: squeeze_excite.normalize_excite_batch(
            x, Norm(s, b, *given), Gate(*gate), jnp.asarray(True), "swish", EPSILON
        )[0],
        lambda x, s, b, *gate: squeeze_excite.excited(normalized(x, s, b, "swish"), Gate(*gate), "swish"),
        numbers(0, batch, size, size, channels),
        numbers(1, channels),
        numbers(2, channels),
        *(0.3 * weight for weight in weights),
    )


def test_evaluation_uses_the_given_statistics_and_answers_them() -> None:
    x, scale, bias = numbers(0, 2, 5, 5, 24), numbers(1, 24), numbers(2, 24)
    mean, var = statistics(24)
    y, used_mean, used_var = jax.jit(calls.normalized, static_argnums=(3, 4))(
        x, (scale, bias, mean, var), jnp.asarray(False), None, EPSILON
    )
    np.testing.assert_array_equal(used_mean, mean)
    np.testing.assert_array_equal(used_var, var)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + EPSILON) * scale + bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_stays_so(value: float) -> None:
    """A diverged training must be seen as one."""
    x = numbers(0, 1, 4, 4, 24)
    x[0, 1, 1, 3] = value
    mean, var = statistics(24)
    y, *_ = calls.normalized(x, (mean, mean, mean, var), jnp.asarray(True), "swish", EPSILON)
    assert np.isnan(np.asarray(y)[..., 3]).all()
    assert np.isfinite(np.delete(np.asarray(y), 3, axis=-1)).all()


@pytest.mark.parametrize("value", [-1e30, -200.0, -88.0, 0.0, 88.0, 200.0, 1e30])
def test_swish_far_from_zero(value: float) -> None:
    one, zero = jnp.ones((16,)), jnp.zeros((16,))
    x = jnp.full((1, 1, 1, 16), value)
    y, *_ = calls.normalized(x, (one, zero, zero, one), jnp.asarray(False), "swish", 0.0)
    np.testing.assert_allclose(y, jax.nn.swish(x), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("choice", [True, False])
def test_cut(choice: bool) -> None:
    shapes = [(3, 5), (), (7,), (2, 2, 2)]
    first, second = numbers(0, 31), numbers(1, 31)
    arrays = calls.cut(first, second, jnp.asarray(choice), shapes)
    assert [array.shape for array in arrays] == shapes
    whole = np.concatenate([np.ravel(array) for array in arrays])
    np.testing.assert_array_equal(whole, first if choice else second)


def test_in_a_loop_and_under_vmap_as_alone() -> None:
    maps, kernels = numbers(0, 3, 2, 9, 9, 24), numbers(1, 3, 3, 3, 1, 24)

    def loss(x: Array, kernel: Array) -> Array:
        return (convolutions.depthwise(x, kernel, 2) ** 2).sum()

    pull = jax.jit(jax.grad(loss, (0, 1)))
    alone = [pull(x, kernel) for x, kernel in zip(maps, kernels, strict=True)]
    _, looped = jax.jit(lambda m, k: lax.scan(lambda _, pair: (None, jax.grad(loss, (0, 1))(*pair)), None, (m, k)))(
        maps, kernels
    )
    together = jax.jit(jax.vmap(jax.grad(loss, (0, 1))))(maps, kernels)
    for number, gradients in enumerate(alone):
        for position, gradient in enumerate(gradients):
            np.testing.assert_array_equal(gradient, looped[position][number])
            np.testing.assert_array_equal(gradient, together[position][number])


def test_threads_change_no_bit() -> None:
    x, scale, gradient = numbers(0, 32, 16, 16, 40), numbers(1, 40), numbers(2, 32, 16, 16, 40)
    mean, var = statistics(40)
    run = jax.jit(calls.normalized_gradients, static_argnums=(3, 4))
    first, *others = (run(x, (scale, scale, mean, var), gradient, "swish", EPSILON) for _ in range(20))
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_a_compiler_xla_computes_and_the_reason_is_told(tmp_path: Path) -> None:
    code = """
import jax.numpy as jnp
from models.layers import convolutions
from models.native import library
library.beside_environment = lambda: library.Path("/nonexistent")
print(library.kernels().usable, library.kernels().detail)
print(convolutions.depthwise(jnp.ones((1, 4, 4, 8)), jnp.ones((3, 3, 1, 8)), 1).sum())
"""
    said = python(code, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)).splitlines()
    assert said[0] == "False no C++ compiler on the PATH (c++, g++, clang++)"
    assert float(said[1]) == 8 * 100


def test_processes_that_build_at_once_build_once(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from models.native import library
library.FLAGS = (*library.FLAGS, "-O0")  # quick
compiled = []
ours = library._compile
library._compile = lambda *arguments: (compiled.append(1), ours(*arguments))
path = library.build(Path({str(tmp_path)!r}))
library.register(path)
print(len(compiled))
"""
    with ThreadPoolExecutor(2) as pool:
        counts = [int(said) for said in pool.map(python, [code, code])]
    assert sorted(counts) == [0, 1]
    assert len(list(tmp_path.glob("*.so"))) == 1
