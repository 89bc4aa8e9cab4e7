"""A network that guesses is not recommended."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.registry import DIGITS, DatasetInfo
from models.training.class_counts import METRICS, ClassCounts
from search.results.chance import chance, chance_level, is_above_chance


@given(classes=st.integers(2, 1000), images=st.integers(10, 100_000))
def test_guessing_is_never_above_chance_and_being_right_always_is(classes: int, images: int) -> None:
    assert not is_above_chance(chance_level(classes), classes=classes, images=images)
    assert is_above_chance(1.0, classes=classes, images=images)


@given(classes=st.integers(2, 100), images=st.integers(10, 10_000), accuracy=st.floats(0, 1))
def test_more_images_make_luck_smaller(classes: int, images: int, accuracy: float) -> None:
    if is_above_chance(accuracy, classes=classes, images=images):
        assert is_above_chance(accuracy, classes=classes, images=2 * images)


def unequal(*counts: int) -> DatasetInfo:
    """A data set with so many validation images of each class."""
    return replace(DIGITS, classes=len(counts), validation=sum(counts), validation_counts=counts)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=30))
def test_a_constant_predictor_is_never_above_chance(counts: list[int]) -> None:
    """Whichever class it names, by each metric."""
    for named in range(len(counts)):
        right = [count if label == named else 0 for label, count in enumerate(counts)]
        said = [sum(counts) if label == named else 0 for label in range(len(counts))]
        found = ClassCounts(right, said, counts)
        values = {"balanced_accuracy": found.balanced_accuracy, "macro_f1": found.macro_f1}
        values["accuracy"] = right[named] / sum(counts)
        for metric in METRICS:
            level = chance(metric, unequal(*counts))
            assert values[metric] <= level.level + 1e-8
            assert not level.surpassed(values[metric] - 1e-8)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=30))
def test_the_step_of_a_metric_is_what_one_image_changes_least_seen(counts: list[int]) -> None:
    """Of balanced accuracy it is that of the smallest class, where one image weighs most."""
    right = list(counts)
    smallest = counts.index(min(counts))
    right[smallest] -= 1
    lost = 1 - ClassCounts(right, counts, counts).balanced_accuracy
    assert lost == pytest.approx(chance("balanced_accuracy", unequal(*counts)).quantum, abs=1e-8)


def test_equal_classes_have_the_chance_of_guessing() -> None:
    equal = unequal(*[36] * 10)
    assert chance("accuracy", equal).level == pytest.approx(0.1)
    assert chance("balanced_accuracy", equal).level == pytest.approx(0.1)
    assert chance("accuracy", equal).quantum == 1 / 360
