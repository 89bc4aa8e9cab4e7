"""One training step against the same step written out; and blocks in a loop against blocks in a row."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import Array

from models.augmentation.augmentation import prepare, resize_matrix
from models.data.dataset import Dataset
from models.layers import network as networks
from models.layers.flat_layout import Layout, layout
from models.layers.layers import Noise, Path, StochasticDepth
from models.recipe.recipe import TrainingRecipe
from models.scaling.baselines import EFFICIENTNET_NANO
from models.training.input_pipeline import on_device
from models.training.program_shape import method
from models.training.programs import compile_options, initial_state, places_of, program, rates
from models.training.steps import Span, State, Sums, no_sums
from tests.models.small import digits

# Five blocks in the second stage: one that changes the shape, and a loop over four
DEEP = EFFICIENTNET_NANO.build((1, 5, 1), (8, 8, 8, 16, 16), 16)
RECIPE = TrainingRecipe(batch_size=32, dropout=0.0, drop_path=0.0, weight_decay=1e-2, warmup_epochs=0.0)


def outcome(places: Layout, images: Array, *, drop_path: float) -> tuple[Array, Array, Array]:
    """Logits, gradient and batch statistics of the network as it starts."""
    vector = jnp.asarray(places.initial(0))
    random = np.random.default_rng(0)
    paths, units = (jnp.asarray(random.random((4, n)), jnp.float32) for n in (DEEP.blocks, DEEP.head))
    noise = Noise(jnp.asarray(True), paths, units, jnp.float32(drop_path), jnp.float32(0.1))

    def loss(weights: list[Array]) -> tuple[Array, tuple[Array, Array]]:
        network = places.network(weights, places.arrays(vector)[1])
        logits = network(images, noise)
        return (logits**2).mean(), (logits, places.batch_statistics(network))

    weights = places.arrays(vector)[0]
    run = jax.jit(jax.grad(loss, has_aux=True)).lower(weights).compile(compile_options())
    gradient, (logits, statistics) = run(weights)
    return logits, jnp.concatenate([leaf.ravel() for leaf in gradient]), statistics


def test_a_loop_over_blocks_is_the_blocks_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same paths are dropped, and every block gets its own gradient and its own statistics."""
    images = jax.random.normal(jax.random.key(0), (4, 16, 16, 3))
    looped = outcome(layout(DEEP), images, drop_path=0.8)
    monkeypatch.setattr(networks, "LOOP_FROM", 99)
    in_a_row = outcome(layout(DEEP), images, drop_path=0.8)
    for found, expected in zip(looped, in_a_row, strict=True):
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * scale)


def test_a_sample_is_dropped_at_random_and_never_in_evaluation() -> None:
    branch = jnp.ones((2, 1, 1, 1))
    uniform = jnp.asarray([0.1, 0.9])
    kept = StochasticDepth()(branch, Path(jnp.asarray(True), uniform, jnp.float32(0.5)))
    assert kept.ravel().tolist() == [2.0, 0.0]
    assert StochasticDepth()(branch, None).ravel().tolist() == [1.0, 1.0]


def steps(data: Dataset, places: Layout, first: int, stop: int, recipe: TrainingRecipe = RECIPE) -> tuple[State, Sums]:
    """These steps of the first epoch, from the state that a training with seed 0 starts from."""
    how = method(DEEP, recipe, data)
    span = Span(*(np.int32(number) for number in (0, 0, first, stop)))
    state, sums = initial_state(places, "rmsprop", 0), no_sums(DEEP.classes)
    run = program(DEEP, how, (8, 8, 1))
    return run(state, sums, rates(DEEP, recipe, 0), on_device(data), how.rows(0, 0), span)


def written_out(places: Layout, state: State, data: Dataset, rule: str) -> tuple[Array, Array]:
    """Values and average after one step over the whole train split, with optax and nothing of `training`."""
    pixels = on_device(data)
    matrix = jnp.tile(jnp.asarray(resize_matrix(8, DEEP.resolution)), (32, 1, 1))
    inputs = prepare(pixels.images[:32], matrix, matrix, pixels.mean, pixels.deviation)
    targets = optax.smooth_labels(jax.nn.one_hot(pixels.labels[:32], 10), RECIPE.label_smoothing)
    noise = Noise(*(jnp.asarray(value) for value in (True, np.zeros((32, 7)), np.zeros((32, DEEP.head)), 0.0, 0.0)))
    count = places.weight_count
    decayed = jnp.arange(count) < places.decayed_count

    def loss(weights: Array) -> tuple[Array, Array]:
        network = places.network(*places.arrays(jnp.concatenate([weights, state.values[count:]])))
        cross_entropy = optax.softmax_cross_entropy(network(inputs, noise), targets).mean()
        l2 = RECIPE.weight_decay * ((weights * decayed) ** 2).sum() / 2
        return cross_entropy + l2, places.batch_statistics(network)

    weights = state.values[:count]
    gradient, batch = jax.jit(jax.grad(loss, has_aux=True)).lower(weights).compile(compile_options())(weights)
    optimizer = optax.rmsprop(
        RECIPE.learning_rate, decay=0.9, eps=1e-3, initial_scale=1.0, eps_in_sqrt=True, momentum=0.9
    )
    change, _ = optimizer.update(gradient, optimizer.init(weights))
    running = RECIPE.bn_momentum * state.values[count:] + (1 - RECIPE.bn_momentum) * batch
    values = jnp.concatenate([weights + change, running])
    averaged = values if rule == "published" else jnp.concatenate([weights + change, batch])
    return values, 0.1 * state.average + 0.9 * averaged  # of the first step: min(decay, 1 / 10)


@pytest.mark.parametrize("rule", ["published", "settled"])
def test_a_step_is_the_published_arithmetic(rule: Literal["published", "settled"]) -> None:
    """Loss with smoothing and L2, TensorFlow's RMSProp, BatchNorm's running statistics, and the average over both.

    Settled statistics differ in the average alone, which takes the batch's.
    """
    data, places = digits(32, 32, 32), places_of(DEEP)
    values, average = written_out(places, initial_state(places, "rmsprop", 0), data, rule)
    state, sums = steps(data, places, 0, 1, RECIPE.model_copy(update={"bn_statistics": rule}))
    assert int(state.step) == 1
    assert 0 <= float(sums.correct) <= 32
    np.testing.assert_allclose(state.values, values, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(state.average, average, rtol=2e-3, atol=2e-5)


def test_an_evaluation_changes_nothing() -> None:
    data, places = digits(32, 32, 32), places_of(DEEP)
    state, sums = steps(data, places, 1, 3)
    assert int(state.step) == 0
    assert np.array_equal(state.values, places.initial(0))
    assert np.isfinite(float(sums.loss))
