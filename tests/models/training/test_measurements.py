"""What a training tells of time and memory."""

from dataclasses import replace
from itertools import count

import jax
import jax.numpy as jnp
import numpy as np

from models.layers.flat_layout import layout
from models.recipe.recipe import TrainingRecipe
from models.training.fit import Training
from models.training.latency import REPEATS, WARM_UP, latency_ms
from models.training.measurements import Measured
from models.training.memory import program_bytes
from tests.models.small import SMALL, digits

FLOATS = 1000  # of a vector
BYTES = 4 * FLOATS


def test_a_program_needs_its_arguments_results_and_temporaries_and_what_is_donated_counts_once() -> None:
    vector = jax.ShapeDtypeStruct((FLOATS,), jnp.float32)
    plain, donated = (
        program_bytes(jax.jit(jnp.negative, donate_argnums=donate).lower(vector).compile()) for donate in ((), (0,))
    )
    assert plain is not None
    assert donated is not None
    assert 2 * BYTES <= plain < 3 * BYTES
    assert BYTES <= donated < 2 * BYTES


def test_a_training_tells_its_memory_which_grows_with_its_batch() -> None:
    peaks = []
    for batch in (32, 64):
        training = Training(SMALL, TrainingRecipe(epochs=1, batch_size=batch), digits(), seed=0)
        list(training)
        peaks.append(Measured.of(training.summary()).peak_memory_bytes or 0)
    images = digits().train.images.nbytes
    assert images < peaks[0] < peaks[1] < 4 * peaks[0]


def test_a_restored_training_tells_the_same_memory() -> None:
    recipe = TrainingRecipe(epochs=2, batch_size=64)
    first, second = (Training(SMALL, recipe, digits(), seed=0) for _ in range(2))
    next(iter(first))
    second.restore(first.checkpoint())
    for training in (first, second):
        list(training)
    assert first.summary()["peak_memory_bytes"] == second.summary()["peak_memory_bytes"]


def test_latency_is_the_median_of_the_calls_after_warm_up_and_leaves_the_training_as_it_was() -> None:
    ticks = (float(tick**2) for tick in count())  # the k-th call takes 4 k + 1 seconds
    values = layout(replace(SMALL, dropout=0.0, drop_path=0.0)).initial(0)
    middle = WARM_UP + (REPEATS - 1) / 2
    assert latency_ms(SMALL, values, "bf16", lambda: next(ticks)) == 1000 * (4 * middle + 1)

    training = Training(SMALL, TrainingRecipe(epochs=1, batch_size=64), digits(), seed=0)
    list(training)
    before = training.weights()
    assert training.latency_ms() > 0
    assert all(np.array_equal(before[name], array) for name, array in training.weights().items())
    assert training.summary()["latency_ms"] is None


def test_nothing_is_not_a_measurement() -> None:
    assert Measured.of({"images_per_second": 0.0, "accuracy": 1.0}) == Measured()
