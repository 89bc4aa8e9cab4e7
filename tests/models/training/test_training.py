"""Training: deterministic, resumable to the bit, and with the published arithmetic."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.data.dataset import Dataset
from models.errors import CorruptCheckpoint, TrainingDiverged
from models.recipe.recipe import TrainingRecipe
from models.scaling.baselines import EFFICIENTNET_NANO
from models.training import programs
from models.training.fit import Training
from models.training.steps import Span, no_sums
from tests.models.small import digits

# The smallest network of the family's kind: what is tested here does not depend on its size
TINY = EFFICIENTNET_NANO.build((1, 2, 1), (8, 8, 8, 16, 16), 16)
RECIPE = TrainingRecipe(epochs=4, batch_size=32)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits()


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
    rates = {"learning_rate": 0.004, "weight_decay": 1e-3, "momentum": 0.8, "warmup_epochs": 0.0, "dropout": 0.3}
    evaluated = {"label_smoothing": 0.0, "ema_decay": 0.5, "bn_momentum": 0.7, "bn_statistics": "published"}
    training = Training(TINY, RECIPE.model_copy(update=rates | evaluated), data, seed=99)
    next(iter(training))
    own = Training(replace(TINY, dropout=0.4, drop_path=0.2), RECIPE, data, seed=98)
    next(iter(own))
    assert programs._program.cache_info().misses == program_count
    for found in (training.summary(), own.summary()):
        assert (found["programs_compiled"], found["programs_cached"], found["compiled_ahead_seconds"]) == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("drop_path", 0.5),
        ("dropout", 0.5),
        ("label_smoothing", 0.0),
        ("weight_decay", 1.0),
        ("momentum", 0.5),
        ("ema_decay", 0.0),
        ("bn_momentum", 0.1),
        ("bn_statistics", "published"),
    ],
)
def test_what_a_recipe_says_is_done(data: Dataset, field: str, value: float | str) -> None:
    """A rate that never reaches the network is the commonest mistake of earlier implementations."""
    rule = "published" if field == "bn_momentum" else "settled"  # settled statistics heed it where it is the larger
    recipe = RECIPE.model_copy(update={"epochs": 1, "bn_statistics": rule})
    changed = Training(TINY, recipe.model_copy(update={field: value}), data, seed=3)
    same = Training(TINY, recipe, data, seed=3)
    (report,), (plain,) = list(changed), list(same)
    trains_alike = field in ("ema_decay", "bn_momentum", "bn_statistics")  # they change what is evaluated
    assert (report.train_loss == plain.train_loss) is trains_alike
    assert report.validation_loss != plain.validation_loss


def test_an_epoch_moves_nothing_to_the_host(data: Dataset) -> None:
    training = Training(TINY, RECIPE, data, seed=3)
    reports = iter(training)
    next(reports)
    with jax.transfer_guard_device_to_host("disallow_explicit"):
        (portion,) = training._feed.portions(training.method.rows(3, 1), range(2))
        sums, span = no_sums(training.architecture.classes), Span(*(jnp.int32(number) for number in (1, 0, 0, 2)))
        training._program()(training.state, sums, training.rates, portion.pixels, portion.rows, span)
