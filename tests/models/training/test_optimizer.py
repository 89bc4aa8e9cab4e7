"""Optimizers, schedules and averages against their formulas and against optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.recipe.length import LEFT_OVER, ramped
from models.training.optimizer import averaged, blended, clipped, rate, transformation


def test_rmsprop_is_tensorflows() -> None:
    """Mean square from 1, epsilon inside the root, the rate inside the momentum: checked against the formula."""
    rate_, values = 0.1, jnp.asarray([1.0, -2.0])
    optimizer = transformation("rmsprop", rate_, 0.0, 0.0)
    state = optimizer.init(values)
    square, momentum = np.ones(2), np.zeros(2)
    for step in range(3):
        gradient = np.asarray([0.5 + step, -1.0])
        square = 0.9 * square + 0.1 * gradient**2
        momentum = 0.9 * momentum + rate_ * gradient / np.sqrt(square + 1e-3)
        change, state = jax.jit(optimizer.update)(jnp.asarray(gradient, jnp.float32), state, values)
        np.testing.assert_allclose(change, -momentum, rtol=1e-5)


def test_lamb_is_optaxs_for_each_array() -> None:
    random = np.random.default_rng(0)
    shapes = [(3, 4), (5,), (2, 2, 3)]
    arrays = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    arrays[1][:] = 0  # as biases start: the ratio is then 1
    flat = jnp.concatenate([array.ravel() for array in arrays])
    theirs = optax.lamb(0.01, weight_decay=0.1)
    ours = transformation("lamb", 0.01, 0.1, 1.0, sizes=[array.size for array in arrays])
    state, other = ours.init(flat), theirs.init(arrays)
    for _ in range(3):
        gradients = [random.normal(size=shape).astype(np.float32) for shape in shapes]
        change, state = jax.jit(ours.update)(np.concatenate([part.ravel() for part in gradients]), state, flat)
        expected, other = jax.jit(theirs.update)(gradients, other, arrays)
        np.testing.assert_allclose(change, np.concatenate([part.ravel() for part in expected]), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_others_are_optaxs(name: str) -> None:
    values = jnp.asarray([1.0, -2.0, 0.5])
    theirs = optax.sgd(0.1, momentum=0.8) if name == "sgd" else optax.adamw(0.1, b1=0.8, weight_decay=0.0)
    ours = transformation(name, 0.1, 0.0, 0.0, momentum=0.8)  # type: ignore[arg-type]
    state, other = ours.init(values), theirs.init(values)
    for step in range(3):
        gradient = jnp.asarray([0.3, -1.0, step + 1.0])
        change, state = jax.jit(ours.update)(gradient, state, values)
        expected, other = jax.jit(theirs.update)(gradient, other, values)
        np.testing.assert_allclose(change, expected, rtol=1e-5)


def test_weight_decay_is_l2_where_the_mask_says() -> None:
    optimizer = transformation("sgd", 1.0, 1e-2, jnp.asarray([1.0, 0.0]))
    values = jnp.asarray([3.0, 3.0])
    change, _ = optimizer.update(jnp.zeros(2), optimizer.init(values), values)
    np.testing.assert_allclose(change, [-0.03, 0.0], rtol=1e-6)


def test_a_long_gradient_is_shortened_and_a_short_one_is_not() -> None:
    gradient = jnp.asarray([3.0, 4.0])
    np.testing.assert_allclose(clipped(gradient, jnp.float32(1)), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(clipped(gradient, jnp.float32(6)), gradient)
    assert not jnp.isnan(clipped(jnp.zeros(2), jnp.float32(1))).any()


def test_average_is_ramped() -> None:
    """min(decay, (1 + n) / (10 + n)): otherwise 0.9999 would keep 90 % of the initial values after 1,000 steps."""
    zero, one = jnp.zeros(()), jnp.ones(())
    assert float(averaged(zero, one, jnp.float32(0.9999), jnp.int32(0))) == pytest.approx(0.9)
    assert float(averaged(zero, one, jnp.float32(0.9999), jnp.int32(1_000_000))) == pytest.approx(1e-4, rel=0.1)


@given(st.floats(0.0, 0.999), st.integers(1, 60))
def test_an_average_forgets_the_initial_values_at_least_as_fast_as_its_decay(decay: float, steps: int) -> None:
    left = jnp.ones(())
    for step in range(steps):
        left = averaged(left, jnp.zeros(()), jnp.float32(decay), jnp.int32(step))
    assert float(left) <= decay**steps * (1 + 1e-4) + 1e-6  # the share is a float32
    assert float(left) == pytest.approx(ramped(decay, steps), rel=1e-3, abs=LEFT_OVER / 1000)


def test_an_average_of_what_does_not_change_stays_to_the_bit() -> None:
    value = jax.random.normal(jax.random.key(0), (1000,))
    assert jnp.array_equal(blended(value, value, jnp.float32(0.1)), value)


def test_schedules() -> None:
    def at(schedule: str, epoch: float, warmup: float = 5.0, factor: float = 0.97, stair: float = 2.4) -> float:
        numbers = (jnp.float32(number) for number in (1, warmup, 20, factor, stair))
        return float(rate(schedule, jnp.float32(epoch * 10), 10, *numbers))  # type: ignore[arg-type]

    assert at("exponential", 2.5) == pytest.approx(26 / 50)  # in the middle of the warm-up
    assert at("exponential", 7.0) == pytest.approx(0.97**2)  # staircase: 7 / 2.4 is 2 and a bit
    assert at("exponential", 7.3) == pytest.approx(0.97**3)
    assert at("exponential", 7.3, factor=0.5, stair=7.0) == pytest.approx(0.5)
    assert at("cosine", 12.5) == pytest.approx(0.5)
    assert at("cosine", 20) == pytest.approx(0.0, abs=1e-6)
    assert at("constant", 19) == 1.0
