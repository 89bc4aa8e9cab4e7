"""Every kind of optimizer, augmentation, precision and freezing in few programs: what is declared is what happens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.augmentation.augmentation import prepare, resize_matrix
from models.data.dataset import Dataset
from models.errors import TrainingDiverged
from models.layers.frozen_parts import speeds
from models.layers.layers import Noise
from models.recipe.recipe import TrainingRecipe
from models.training.fit import Training
from models.training.input_pipeline import on_device
from models.training.programs import compile_options, places_of
from tests.models.small import SMALL, digits, same

COMMON = {"epochs": 2, "batch_size": 32, "warmup_epochs": 0.0}
PLAIN = TrainingRecipe.model_validate(COMMON)
MIXED = TrainingRecipe.model_validate(
    {
        **COMMON,
        "optimizer": "sgd",
        "schedule": "exponential",
        "clip_norm": 1.0,
        "mixup": 0.2,
        "cutmix": 1.0,
        "recalibration_batches": 3,
        "selection": "best",
    }
)
HALF = TrainingRecipe.model_validate(
    {
        **COMMON,
        "optimizer": "adamw",
        "learning_rate": 0.003,
        "schedule": "constant",
        "policy": "trivial",
        "erasing": 0.5,
        "weight_decay_on": "kernels",
        "precision": "bf16",
    }
)
FROZEN = TrainingRecipe.model_validate(
    {
        **COMMON,
        "optimizer": "lamb",
        "policy": "rand",
        "flip": True,
        "crop_area": [0.5, 1.0],
        "shift_px": 1,
        "frozen_stages": 1,
        "layer_decay": 0.5,
    }
)
STILL = TrainingRecipe.model_validate({**COMMON, "frozen_norm": True, "ema_decay": 0.0})
ALL = {"plain": PLAIN, "mixed": MIXED, "half": HALF, "frozen": FROZEN, "still": STILL}
AUGMENTED = ("mixed", "half", "frozen")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits()


@pytest.fixture(scope="module")
def start(data: Dataset) -> dict[str, np.ndarray]:
    """Weights and statistics of a network that was trained for a while."""
    training = Training(SMALL, PLAIN, data, seed=7)
    for _ in training:
        pass
    return training.weights()


@pytest.mark.parametrize("name", ALL)
def test_resumed_equals_uninterrupted_to_the_bit(name: str, data: Dataset, start: dict[str, np.ndarray]) -> None:
    first, second, whole = (Training(SMALL, ALL[name], data, seed=3, start=start) for _ in range(3))
    next(iter(first))
    second.restore(first.checkpoint())
    reports = [*second], [*whole]
    assert [report.epoch for report in reports[0]] == [2]
    assert all(np.isfinite(list(report.metrics().values())).all() for report in reports[1])
    assert same(second.weights(), whole.weights())
    assert second.accuracy("test") == whole.accuracy("test")
    assert not same(whole.weights(), start)
    assert all(array.dtype == np.float32 for array in whole.weights().values())


@pytest.mark.parametrize("name", AUGMENTED)
def test_an_evaluation_sees_no_augmentation(name: str, data: Dataset, start: dict[str, np.ndarray]) -> None:
    def loss(recipe: TrainingRecipe) -> float:
        training = Training(SMALL, recipe, data, seed=3, start=start)
        return float(training._run(training.method.validation).loss)

    rounding = 0.02 if ALL[name].precision == "bf16" else 1e-5
    assert loss(ALL[name]) == pytest.approx(loss(PLAIN), rel=rounding)


def test_a_training_begins_with_the_weights_it_is_given(data: Dataset, start: dict[str, np.ndarray]) -> None:
    assert same(Training(SMALL, PLAIN, data, seed=3, start=start).weights(), start)


def test_frozen_parts_do_not_change_by_a_bit(data: Dataset, start: dict[str, np.ndarray]) -> None:
    training = Training(SMALL, FROZEN, data, seed=3, start=start)
    next(iter(training))
    for name, array in training.weights().items():
        frozen = name.startswith(("stem.", "blocks.0."))
        assert np.array_equal(array, start[name]) == frozen, name


def test_frozen_normalisation_keeps_its_statistics(data: Dataset, start: dict[str, np.ndarray]) -> None:
    training = Training(SMALL, STILL, data, seed=3, start=start)
    next(iter(training))
    for name, array in training.weights().items():
        assert np.array_equal(array, start[name]) == name.endswith((".mean", ".var")), name


def test_rates_fall_towards_the_image() -> None:
    places = places_of(SMALL)
    vector = places.named(np.concatenate([speeds(places, FROZEN), np.zeros(places.size - places.weight_count)]))
    found = {
        name: set(array.ravel().tolist()) for name, array in vector.items() if not name.endswith((".mean", ".var"))
    }
    assert found["stem.kernel"] == found["blocks.0.project.kernel"] == {0.0}
    assert found["blocks.1.project.kernel"] == found["blocks.1.project.norm.scale"] == {0.5}
    assert found["head.kernel"] == found["classifier.bias"] == {1.0}
    free = TrainingRecipe(layer_decay=0.5)
    assert speeds(places, free).min() == 0.5**3


def test_recalibrated_statistics_are_means_over_training_batches(data: Dataset, start: dict[str, np.ndarray]) -> None:
    training = Training(SMALL, MIXED, data, seed=3, start=start)
    next(iter(training))
    places, pixels, found = places_of(SMALL), on_device(data), training.state.average
    rows = training.method.rows(3, 0)[:3]
    matrix = jnp.asarray(resize_matrix(8, SMALL.resolution))
    noise = Noise(jnp.asarray(True), jnp.zeros((32, 2)), jnp.zeros((32, 16)), jnp.float32(0), jnp.float32(0))

    def statistics(batch: jax.Array) -> jax.Array:
        network = places.network(*places.arrays(found))
        network(prepare(pixels.images[batch], matrix, matrix, pixels.mean, pixels.deviation), noise)
        return places.batch_statistics(network)

    compiled = jax.jit(statistics).lower(rows[0]).compile(compile_options())
    expected = np.mean([compiled(jnp.asarray(batch)) for batch in rows], axis=0)
    np.testing.assert_allclose(found[places.weight_count :], expected, rtol=1e-3, atol=1e-4)


def test_settled_statistics_end_where_published_ones_do() -> None:
    """Where batch statistics change no more: what is left of the difference falls as momentum ** steps."""
    one = digits(train=32)  # an epoch is one step over all images
    still = {"epochs": 30, "learning_rate": 1e-12, "weight_decay": 0.0, "dropout": 0.0, "drop_path": 0.0}
    recipe = TrainingRecipe.model_validate({**COMMON, **still, "ema_decay": 0.5, "bn_momentum": 0.8})
    pair = [
        Training(SMALL, recipe.model_copy(update={"bn_statistics": rule}), one, seed=3)
        for rule in ("settled", "published")
    ]
    weights, differences = places_of(SMALL).weight_count, []
    for training in pair:
        training.compile()
    for _ in range(30):
        settled, published = ([training.next_epoch(), np.asarray(training.state.average)][1] for training in pair)
        assert np.array_equal(settled[:weights], published[:weights])
        differences.append(float(np.abs(settled[weights:] - published[weights:]).max()))
    assert differences[9] > 1e-3
    for step in (19, 29):
        assert differences[step] / differences[step - 10] == pytest.approx(recipe.bn_momentum**10, rel=0.05)


def test_the_declared_epoch_is_the_one_that_counts(data: Dataset) -> None:
    recipe = MIXED.model_copy(update={"epochs": 6, "learning_rate": 0.05})
    training = Training(SMALL, recipe, data, seed=5)
    accuracies = [report.validation_accuracy for report in training]
    summary = training.summary()
    assert summary["accuracy"] == summary["best_accuracy"] == max(accuracies)
    assert summary["best_epoch"] == accuracies.index(max(accuracies)) + 1
    assert summary["last_accuracy"] == accuracies[-1]
    assert training.accuracy("validation") == summary["accuracy"]


def test_patience_ends_a_training(data: Dataset) -> None:
    recipe = PLAIN.model_copy(update={"epochs": 9, "patience": 2, "patience_delta": 0.99})
    training = Training(SMALL, recipe, data, seed=3)
    assert [report.epoch for report in training] == [1, 2, 3]
    assert training.finished
    assert training.summary()["stopped_early"]
    again = Training(SMALL, recipe, data, seed=3)
    again.restore(training.checkpoint())
    assert again.finished
    assert [*again] == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "learning_rate": st.floats(1e-6, 10),
            "momentum": st.floats(0, 0.999),
            "weight_decay": st.floats(0, 10),
            "label_smoothing": st.floats(0, 0.99),
            "clip_norm": st.floats(1e-6, 1e6),
            "dropout": st.floats(0, 0.99),
            "drop_path": st.floats(0, 0.99),
            "ema_decay": st.floats(0, 0.999),
            "bn_momentum": st.floats(0.01, 0.99),
            "mixup": st.floats(0.01, 100),
            "cutmix": st.floats(0.01, 100),
            "decay_rate": st.floats(0.01, 1),
            "decay_epochs": st.floats(0.01, 100),
            "warmup_epochs": st.floats(0, 2),
        },
    )
)
def test_any_accepted_recipe_takes_steps_or_says_that_it_diverged(changes: dict[str, float], data: Dataset) -> None:
    recipe = TrainingRecipe.model_validate({**MIXED.model_dump(), **changes})
    training = Training(SMALL, recipe, data, seed=3)
    try:
        report = next(iter(training))
    except TrainingDiverged as refusal:
        said = str(refusal)
    else:
        said = "" if np.isfinite(list(report.metrics().values())).all() else str(report)
    assert said == "" or "a lower learning_rate" in said
