"""Training: deterministic, resumable to the bit, and with the published arithmetic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import programs
from models.baselines import EFFICIENTNET_NANO
from models.data.dataset import Dataset, Split, load
from models.errors import CorruptCheckpoint, TrainingDiverged
from models.fit import Training
from models.optimizer import averaged, rate, transformation
from models.recipe import TrainingRecipe

# The smallest network of the family's kind: what is tested here does not depend on its size
TINY = EFFICIENTNET_NANO.build((1, 2, 1), (8, 8, 8, 16, 16), 16)
RECIPE = TrainingRecipe(epochs=4, batch_size=32)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """A few hundred digits: real images, quickly trained on."""
    digits = load("digits")

    def part(split: Split, size: int) -> Split:
        return Split(split.images[:size], split.labels[:size])

    return Dataset("digits", 10, part(digits.train, 192), part(digits.validation, 70), part(digits.test, 50))


@pytest.fixture(scope="module")
def trained(data: Dataset) -> Training:
    """A training that nobody interrupted."""
    training = Training(TINY, RECIPE, data, seed=3)
    assert [report.epoch for report in training] == [1, 2, 3, 4]
    return training


@pytest.fixture
def program_count() -> int:
    """Programs compiled before the test."""
    return programs._program.cache_info().misses


def test_reports_are_finite_and_the_network_learns(data: Dataset) -> None:
    reports = list(Training(TINY, RECIPE, data, seed=3))
    assert all(np.isfinite(list(report.metrics().values())).all() for report in reports)
    assert reports[-1].train_loss < reports[0].train_loss
    assert all(0 <= report.validation_accuracy <= 1 for report in reports)


def test_the_same_seed_ends_in_the_same_bits_and_another_does_not(trained: Training, data: Dataset) -> None:
    again, other = Training(TINY, RECIPE, data, seed=3), Training(TINY, RECIPE, data, seed=4)
    for _ in zip(again, other, strict=True):
        pass
    for name, array in trained.weights().items():
        assert np.array_equal(array, again.weights()[name]), name
    assert any(not np.array_equal(array, other.weights()[name]) for name, array in trained.weights().items())


@pytest.mark.parametrize("interrupted_after", [1, 3])
def test_resumed_equals_uninterrupted_to_the_bit(trained: Training, data: Dataset, interrupted_after: int) -> None:
    first = Training(TINY, RECIPE, data, seed=3)
    reports = iter(first)
    for _ in range(interrupted_after):
        next(reports)
    second = Training(TINY, RECIPE, data, seed=3)
    second.restore(first.checkpoint())
    assert second.epoch == interrupted_after
    assert [report.epoch for report in second] == list(range(interrupted_after + 1, 5))
    for name, array in trained.weights().items():
        assert np.array_equal(array, second.weights()[name]), name
    timeless = ("accuracy", "best_accuracy", "best_epoch", "train_accuracy", "validation_loss", "epochs")
    assert all(second.summary()[name] == trained.summary()[name] for name in timeless)
    assert second.accuracy("test") == trained.accuracy("test")


def test_a_checkpoint_of_another_training_is_refused(trained: Training, data: Dataset) -> None:
    checkpoint = trained.checkpoint()
    with pytest.raises(CorruptCheckpoint, match="seed"):
        Training(TINY, RECIPE, data, seed=5).restore(checkpoint)
    with pytest.raises(CorruptCheckpoint, match="recipe"):
        Training(TINY, RECIPE.model_copy(update={"epochs": 9}), data, seed=3).restore(checkpoint)
    wider = EFFICIENTNET_NANO.build((1, 2, 1), (8, 8, 8, 16, 24), 16)
    with pytest.raises(CorruptCheckpoint, match="architecture"):
        Training(wider, RECIPE, data, seed=3).restore(checkpoint)


def test_accuracy_is_that_of_the_last_epoch_and_the_best_is_kept_too(trained: Training) -> None:
    summary = trained.summary()
    assert summary["best_accuracy"] >= summary["accuracy"]
    assert 1 <= summary["best_epoch"] <= summary["epochs"] == 4
    assert summary["accuracy"] == trained.accuracy("validation")
    assert summary["test_accuracy"] is None


def test_evaluation_counts_every_image_once(trained: Training, data: Dataset) -> None:
    """70 validation images fill two batches of 32 and a part of a third."""
    assert trained.accuracy("validation") * len(data.validation) == pytest.approx(
        round(trained.accuracy("validation") * len(data.validation))
    )


def test_divergence_is_an_error_that_names_the_rate(data: Dataset) -> None:
    recipe = RECIPE.model_copy(update={"learning_rate": 1e9, "warmup_epochs": 0.0, "optimizer": "sgd"})
    with pytest.raises(TrainingDiverged, match="learning_rate"):
        list(Training(TINY, recipe, data, seed=3))


def test_rates_and_seeds_share_one_program(trained: Training, data: Dataset, program_count: int) -> None:
    changed = RECIPE.model_copy(
        update={"learning_rate": 0.004, "label_smoothing": 0.0, "dropout": 0.3, "ema_decay": 0.5, "bn_momentum": 0.7}
    )
    next(iter(Training(TINY, changed, data, seed=99)))
    assert programs._program.cache_info().misses == program_count


def test_an_epoch_moves_nothing_to_the_host(data: Dataset) -> None:
    training = Training(TINY, RECIPE, data, seed=3)
    reports = iter(training)
    next(reports)
    with jax.transfer_guard_device_to_host("disallow_explicit"):
        compiled = programs.program(TINY, training._method, data.train.images.shape[1:])
        numbers = (jnp.int32(1), jnp.int32(0), jnp.int32(2))
        compiled(training._state, training._rates, training._pixels, *numbers)


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
        change, state = optimizer.update(jnp.asarray(gradient, jnp.float32), state, values)
        np.testing.assert_allclose(change, -momentum, rtol=1e-5)


def test_weight_decay_is_l2_on_all_but_batch_normalisation() -> None:
    optimizer = transformation("sgd", 1.0, 1e-2, jnp.asarray([1.0, 0.0]))
    values = jnp.asarray([3.0, 3.0])
    change, _ = optimizer.update(jnp.zeros(2), optimizer.init(values), values)
    np.testing.assert_allclose(change, [-0.03, 0.0], rtol=1e-6)


def test_average_is_ramped() -> None:
    """min(decay, (1 + n) / (10 + n)): otherwise 0.9999 would keep 90 % of the initial values after 1,000 steps."""
    zero, one = jnp.zeros(()), jnp.ones(())
    assert float(averaged(zero, one, jnp.float32(0.9999), jnp.int32(0))) == pytest.approx(0.9)
    assert float(averaged(zero, one, jnp.float32(0.9999), jnp.int32(1_000_000))) == pytest.approx(1e-4, rel=0.1)


def test_schedules() -> None:
    def at(schedule: str, epoch: float, warmup: float = 5.0) -> float:
        speed = rate(schedule, jnp.float32(epoch * 10), 10, jnp.float32(1), jnp.float32(warmup), jnp.float32(20))  # type: ignore[arg-type]
        return float(speed)

    assert at("exponential", 2.5) == pytest.approx(26 / 50)  # in the middle of the warm-up
    assert at("exponential", 7.0) == pytest.approx(0.97**2)  # staircase: 7 / 2.4 is 2 and a bit
    assert at("exponential", 7.3) == pytest.approx(0.97**3)
    assert at("cosine", 12.5) == pytest.approx(0.5)
    assert at("cosine", 20) == pytest.approx(0.0, abs=1e-6)
    assert at("constant", 19) == 1.0
