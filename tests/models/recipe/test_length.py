"""What is too short is said with a change that helps, and what is long enough is left alone."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.data.registry import DIGITS
from models.recipe.length import RMS_STEPS, findings, ramped, steps_an_epoch
from models.recipe.recipe import TrainingRecipe

DIGIT_IMAGES = DIGITS.train  # 1,079


def found(images: int = DIGIT_IMAGES, **recipe: Any) -> dict[str, tuple[str, Any]]:
    """By code, the field to change and the value that is advised."""
    given = TrainingRecipe.model_validate(recipe)
    return {finding.code: (finding.field, finding.value) for finding in findings(given, images)}


def test_an_optimizer_starts_up_until_its_first_mean_square_is_below_epsilon() -> None:
    assert 0.9**RMS_STEPS < 1e-3 < 0.9 ** (RMS_STEPS - 1)
    assert RMS_STEPS == 66


@pytest.mark.parametrize(
    ("recipe", "advised"),
    [  # beside each what efficientnet-nano came to on the digits, in validation
        ({"preset": "paper", "epochs": 8}, 22),  # 10 %
        ({"preset": "paper", "epochs": 16}, 22),  # 13 %
        ({"preset": "paper", "epochs": 8, "batch_size": 64}, 10),  # 10 %: the warm-up takes 5 of 8 epochs
        ({"preset": "paper", "epochs": 4, "batch_size": 64}, 10),  # 13 %: the preset's warm-up is cut to 4 epochs
        ({"epochs": 1}, 5),  # 17 %
        ({"epochs": 2}, 5),  # 39 %
        ({"epochs": 3}, 5),  # 73 %
        ({"epochs": 4}, 5),  # 88 %
        ({"epochs": 8, "batch_size": 256}, 17),  # 56 %
        ({"epochs": 6}, None),  # 97 %
        ({"epochs": 8}, None),  # 98 %
        ({"epochs": 24, "batch_size": 256}, None),  # 98 %
        ({"preset": "paper", "epochs": 60}, None),  # 92 %
        ({"preset": "fine-tune", "epochs": 1}, None),  # SGD has no such start
    ],
)
def test_trainings_that_were_measured(recipe: dict[str, Any], advised: int | None) -> None:
    assert found(**recipe).get("recipe-too-short") == (None if advised is None else ("epochs", advised))


@given(
    st.integers(2, 5000),
    st.integers(1, 200),
    st.integers(2, 512),
    st.floats(0, 1),
    st.sampled_from(["rmsprop", "sgd", "adamw"]),
)
def test_the_advised_epochs_are_enough_and_fewer_are_not(
    images: int, epochs: int, batch: int, warmup: float, optimizer: str
) -> None:
    recipe = {"batch_size": batch, "optimizer": optimizer, "warmup_epochs": warmup * epochs}
    short = found(images, epochs=epochs, **recipe).get("recipe-too-short")
    assume(short is not None)
    assert short is not None
    assert short[1] > epochs
    assert "recipe-too-short" not in found(images, epochs=short[1], **recipe)
    assert short[1] == epochs + 1 or "recipe-too-short" in found(images, epochs=short[1] - 1, **recipe)


def test_a_smaller_batch_is_advised_where_it_is_enough() -> None:
    (short,) = findings(TrainingRecipe(epochs=8, batch_size=256), DIGIT_IMAGES)
    assert "or recipe.batch_size to at most 64" in short.message
    assert not found(epochs=8, batch_size=64)
    (none,) = findings(TrainingRecipe(epochs=3, batch_size=64), 64)
    assert "recipe.batch_size" not in none.message


def test_weights_that_are_there_need_not_be_learnt() -> None:
    assert not list(findings(TrainingRecipe(epochs=1), DIGIT_IMAGES, inherited=True))


@pytest.mark.parametrize(
    ("recipe", "advised"),
    [
        ({"bn_momentum": 0.99, "bn_statistics": "published"}, ("bn_statistics", "settled")),
        ({"bn_momentum": 0.99}, None),  # settled statistics have forgotten what they began with
        ({"bn_statistics": "published"}, None),
        ({"bn_momentum": 0.99, "bn_statistics": "published", "recalibration_batches": 8}, None),
        ({"bn_momentum": 0.99, "bn_statistics": "published", "frozen_norm": True}, None),
        ({"bn_momentum": 0.99, "bn_statistics": "published", "epochs": 20}, None),  # 0.99 ** 320 is below 5 %
        ({"ema_decay": 0.9999, "epochs": 1, "batch_size": 1000}, ("epochs", 2)),
        ({"ema_decay": 0.9999, "epochs": 2, "batch_size": 1000}, None),
    ],
)
def test_averages_that_have_not_arrived(recipe: dict[str, Any], advised: tuple[str, Any] | None) -> None:
    assert found(**{"epochs": 8, "warmup_epochs": 0.0, **recipe}).get("short-run-statistics") == advised


def test_a_ramped_average_forgets() -> None:
    assert ramped(0.5, 2) == pytest.approx(0.1 * 2 / 11)
    assert ramped(0.9999, 100_000) < 1e-4
    assert ramped(0.05, 1) == 0.05


def test_a_batch_holds_at_most_all_images() -> None:
    assert steps_an_epoch(TrainingRecipe(batch_size=64), 1079) == 16
    assert steps_an_epoch(TrainingRecipe(batch_size=64), 50) == 1
