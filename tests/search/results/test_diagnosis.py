"""What curves are said to mean: recorded ones of real trainings, and properties of all."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.results.diagnosis import GAP, LABELS, MISSED, Diagnosis, Epoch, Task, agree, diagnose

RECORDED = json.loads((Path(__file__).parent / "curves.json").read_text(encoding="utf-8"))["curves"]
DIGITS = Task(10, 359)

fraction = st.floats(0, 1)
loss = st.floats(0, 50)
curves = st.lists(st.builds(Epoch, loss, fraction, loss, fraction), min_size=1, max_size=30)
tasks = st.builds(Task, st.integers(1, 1000), st.integers(1, 50_000), st.booleans())


def ends(train: float, validation: float, epochs: int = 6) -> list[Epoch]:
    """A steady curve that ends at these accuracies."""
    return [Epoch(0.3, train, 0.3, validation)] * epochs


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_trainings(name: str) -> None:
    found = diagnose([Epoch(*row) for row in RECORDED[name]["epochs"]], DIGITS)
    assert found is not None
    assert found.label == RECORDED[name]["label"], found.rule


def test_every_label_is_recorded() -> None:
    assert {curve["label"] for curve in RECORDED.values()} == set(LABELS)


@given(curves, tasks, st.booleans())
def test_every_curve_has_a_label_and_a_rule_with_its_numbers(curve: list[Epoch], task: Task, diverged: bool) -> None:
    found = diagnose(curve, task, diverged=diverged)
    assert found is not None
    assert found.label in LABELS
    assert re.search(r"\d", found.rule)
    assert all(math.isfinite(value) for value in found.values.values())
    assert (not diverged) or found.label == "diverged"
    json.dumps(found.document(), allow_nan=False)


def test_nothing_trained_is_nothing_known() -> None:
    assert diagnose([], DIGITS) is None


def test_what_ended_before_its_first_epoch_diverged() -> None:
    found = diagnose([], DIGITS, diverged=True)
    assert found is not None
    assert found.rule == "a loss or a weight was no longer finite after 0 epochs"


@given(curves, tasks, st.sampled_from(("train_loss", "validation_loss")), st.sampled_from((math.nan, math.inf)))
def test_a_loss_that_is_not_finite_is_divergence(curve: list[Epoch], task: Task, name: str, value: float) -> None:
    found = diagnose([*curve, replace(curve[-1], **{name: value})], task)
    assert found is not None
    assert found.label == "diverged"
    assert found.values["epoch"] == len(curve)


@given(st.floats(0.2, 1), st.floats(0.2, 1), st.integers(100, 50_000))
def test_a_gap_beyond_chance_overfits_and_within_five_points_does_not(
    train: float, validation: float, images: int
) -> None:
    found = diagnose(ends(train, validation), Task(10, images))
    assert found is not None
    error = max(math.sqrt(validation * (1 - validation) / images), 1 / images)
    assert (found.label == "overfits") == (train - validation > max(GAP, 3 * error))


@given(st.floats(0.5, 0.9), st.floats(0, 0.3))
def test_a_wider_gap_still_overfits(validation: float, more: float) -> None:
    train = min(1.0, validation + 0.1)
    assert diagnose(ends(train, validation), Task(10, 10_000)).label == "overfits"  # type: ignore[union-attr]
    lower = max(0.2, validation - more)
    assert diagnose(ends(train, lower), Task(10, 10_000)).label == "overfits"  # type: ignore[union-attr]


@given(st.floats(0.2, 1.0), st.floats(0.2, 1.0))
def test_mixed_labels_give_no_gap(train: float, validation: float) -> None:
    found = diagnose(ends(train, validation), Task(10, 10_000, mixed=True))
    assert found is not None
    assert found.label == ("fits" if validation >= MISSED else "underfits")


def test_a_gap_of_the_first_epochs_is_no_overfitting() -> None:
    """The averaged network that is evaluated lags behind: validation is still low, and rises fast."""
    early = [Epoch(2.4, 0.2, 2.2, 0.11), Epoch(2.0, 0.32, 2.1, 0.17), Epoch(1.7, 0.42, 1.9, 0.27)]
    found = diagnose(early, Task(10, 359))
    assert found is not None
    assert found.label == "underfits"
    later = [*early, *[Epoch(1.5 - 0.1 * turn, 0.6, 1.9, 0.3) for turn in range(6)]]
    found = diagnose(later, Task(10, 359))
    assert found is not None
    assert found.label == "overfits"


def test_validation_loss_that_rises_while_training_falls_overfits() -> None:
    curve = [Epoch(1 / (at + 1), 0.95, 0.3 + 0.05 * abs(at - 3), 0.93) for at in range(10)]
    found = diagnose(curve, DIGITS)
    assert found is not None
    assert found.label == "overfits"
    assert found.rule.startswith("since epoch 4 the validation loss rose by 83 %")


def test_it_does_not_where_accuracy_still_grows_or_the_loss_is_next_to_nothing() -> None:
    grows = [Epoch(1 / (at + 1), 0.95, 0.3 + 0.05 * abs(at - 3), 0.93 + 0.003 * at) for at in range(10)]
    tiny = [Epoch(1 / (at + 1), 0.95, 0.001 + 0.001 * at, 0.95) for at in range(10)]
    assert {diagnose(curve, DIGITS).label for curve in (grows, tiny)} == {"fits"}  # type: ignore[union-attr]


@given(st.integers(6, 9), st.floats(0.05, 0.5))
def test_a_late_dip_is_noise_and_an_early_one_is_not(at: int, depth: float) -> None:
    steady = ends(0.96, 0.95, 10)
    late = [replace(epoch, validation_accuracy=0.95 - depth * (i == at)) for i, epoch in enumerate(steady)]
    early = [replace(epoch, validation_accuracy=0.95 - depth * (i == at - 6)) for i, epoch in enumerate(steady)]
    found = diagnose(late, Task(10, 2000))
    assert found is not None
    assert (found.label, found.values["epoch"]) == ("noisy", at + 1)
    assert diagnose(early, Task(10, 2000)).label == "fits"  # type: ignore[union-attr]


def test_few_images_explain_more() -> None:
    steady = ends(0.96, 0.95, 10)
    dip = [replace(epoch, validation_accuracy=0.95 - 0.03 * (i == 7)) for i, epoch in enumerate(steady)]
    labels = [diagnose(dip, Task(10, images)).label for images in (100, 10_000)]  # type: ignore[union-attr]
    assert labels == ["fits", "noisy"]


@given(st.integers(2, 1000), st.integers(1, 20))
def test_guessing_underfits(classes: int, epochs: int) -> None:
    curve = [Epoch(math.log(classes), 1 / classes, math.log(classes), 1 / classes)] * epochs
    found = diagnose(curve, Task(classes, 10_000))
    assert found is not None
    assert found.label == "underfits"
    assert f"guessing among {classes} classes" in found.rule


def test_augmented_images_are_harder_than_those_of_the_validation() -> None:
    assert diagnose(ends(0.8, 0.97), DIGITS).label == "fits"  # type: ignore[union-attr]


FITS, OVERFITS, NOISY = (Diagnosis(label, f"because {label}", {}) for label in ("fits", "overfits", "noisy"))  # type: ignore[arg-type]


def test_several_trainings_agree_on_the_commonest_and_of_equals_on_the_worst() -> None:
    assert agree([]) is None
    assert agree([NOISY]) is NOISY
    common = agree([FITS, NOISY, FITS])
    worse = agree([FITS, NOISY, OVERFITS])
    assert common is not None
    assert worse is not None
    assert (common.label, common.rule) == ("fits", "2 of 3 trainings, the first: because fits")
    assert worse.label == "overfits"


@given(st.lists(st.sampled_from((FITS, OVERFITS, NOISY)), min_size=1, max_size=9))
def test_the_order_of_the_trainings_makes_no_difference(found: list[Diagnosis]) -> None:
    one, other = agree(found), agree(found[::-1])
    assert one is not None
    assert other is not None
    assert one.label == other.label


def test_naming_one_class_alone_never_fits() -> None:
    """98.36 % on 60 images against 1, which a network reaches that never names the second class."""
    constant = [Epoch(0.1, 0.98, 0.1, 60 / 61, balanced_accuracy=0.5)] * 8
    found = diagnose(constant, Task(2, 61))
    assert found is not None
    assert found.label == "underfits"
    assert "balanced accuracy 50.0 %" in found.rule
    learnt = diagnose([Epoch(0.1, 0.98, 0.1, 1.0, balanced_accuracy=1.0)] * 8, Task(2, 61))
    assert learnt is not None
    assert learnt.label == "fits"
