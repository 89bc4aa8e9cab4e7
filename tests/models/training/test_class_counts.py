"""Counts by class: arithmetic by property, and what real trainings on unequal classes report of themselves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Dataset, Split
from models.recipe.recipe import TrainingRecipe
from models.scaling.baselines import EFFICIENTNET_NANO
from models.training.class_counts import ClassCounts
from models.training.fit import Training
from models.training.packing import Replicas

RECIPE = TrainingRecipe(epochs=2, batch_size=16)
NETWORK = EFFICIENTNET_NANO.build((1, 1, 1), (8, 8, 8, 16, 16), 16, classes=3)


def split(sizes: tuple[int, ...], seed: int) -> Split:
    """Images whose class is their brightness, with noise; so many of each class."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    images = random.normal(60 + 60 * labels[:, None, None, None], 12, (len(labels), 16, 16, 1))
    order = random.permutation(len(labels))
    return Split(images.clip(0, 255).astype(np.uint8)[order], labels[order])


def unequal() -> Dataset:
    """100 : 10 : 2 images to train on, and 37 : 5 : 2 that fill no whole batch."""
    return Dataset("unequal", 3, split((100, 10, 2), 0), split((37, 5, 2), 1), split((37, 5, 2), 2))


LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def counted(pairs: list[tuple[int, int]]) -> ClassCounts:
    """Of (named, actual) pairs among 5 classes."""
    named, actual = (np.array(column) for column in zip(*pairs, strict=True))
    columns = actual[named == actual], named, actual
    return ClassCounts(*(np.bincount(column, minlength=5).tolist() for column in columns))


@given(LABELS)
def test_figures_are_those_of_the_definition(pairs: list[tuple[int, int]]) -> None:
    present = sorted({actual for _, actual in pairs})
    recalls, scores = [], []
    for label in present:
        found = sum(named == actual == label for named, actual in pairs)
        wanted, said = (sum(pair[place] == label for pair in pairs) for place in (1, 0))
        recalls.append(found / wanted)
        precision = found / said if said else 0.0
        scores.append(2 * precision * recalls[-1] / (precision + recalls[-1]) if found else 0.0)
    counts = counted(pairs)
    assert counts.balanced_accuracy == pytest.approx(np.mean(recalls), abs=1e-8)
    assert counts.macro_f1 == pytest.approx(np.mean(scores), abs=1e-8)
    assert [label for label, recall in enumerate(counts.recalls) if recall is not None] == present


@given(LABELS, st.permutations(range(5)))
def test_the_order_of_classes_changes_nothing(pairs: list[tuple[int, int]], order: list[int]) -> None:
    moved = counted([(order[named], order[actual]) for named, actual in pairs])
    assert moved.balanced_accuracy == counted(pairs).balanced_accuracy
    assert moved.macro_f1 == counted(pairs).macro_f1


def test_training_counts_what_its_network_says() -> None:
    data = unequal()
    training = Training(NETWORK, RECIPE, data, seed=3)
    (*_, last) = training
    sums = training._run(training.method.validation)
    assert sums.by_class.actual == [37, 5, 2]  # rows that fill up the last batch are no image of class 0
    assert sum(sums.by_class.named) == 44
    assert sum(sums.by_class.right) == float(sums.correct)
    assert last.per_class_recall == sums.by_class.recalls
    assert last.balanced_accuracy == sums.by_class.balanced_accuracy
    summary = training.summary()
    assert summary["balanced_accuracy"] == last.balanced_accuracy
    assert summary["macro_f1"] == last.macro_f1
    assert training.scores("validation")["accuracy"] == last.validation_accuracy == summary["accuracy"]


def test_streamed_and_packed_trainings_count_alike() -> None:
    data = unequal()
    alone = [list(Training(NETWORK, RECIPE, data, seed=seed)) for seed in (1, 2)]
    streamed = list(Training(NETWORK, RECIPE, data, seed=1, resident=0))
    assert [epoch.per_class_recall for epoch in streamed] == [epoch.per_class_recall for epoch in alone[0]]
    together = Replicas([Training(NETWORK, RECIPE, data, seed=seed) for seed in (1, 2)], packed=True)
    for epoch, reports in enumerate(together):
        for seed in (1, 2):
            found, expected = reports[seed].balanced_accuracy, alone[seed - 1][epoch].balanced_accuracy
            assert found == pytest.approx(expected, abs=0.2)  # sums in another order may turn an image
    assert set(together.scores("test", [1, 2])) == {1, 2}


def test_best_epoch_is_that_of_the_metric() -> None:
    recipe = TrainingRecipe(epochs=5, batch_size=16, balanced_sampling=True, selection="best")
    training = Training(NETWORK, recipe, unequal(), seed=0, metric="balanced_accuracy")
    reports = list(training)
    best = max(reports, key=lambda report: (report.balanced_accuracy or 0.0, -report.epoch))
    assert training.progress.best.epoch == best.epoch
    assert training.summary()["per_class_recall"] == best.per_class_recall


@pytest.mark.parametrize("change", [{"class_weights": "balanced"}, {"balanced_sampling": True}])
def test_the_rarest_class_is_found_where_it_weighs_as_much(change: dict[str, object]) -> None:
    """The default recipe never names the class of 2 images among 112; each remedy does."""
    plain = Training(NETWORK, RECIPE.model_copy(update={"epochs": 12}), unequal(), seed=0)
    mended = Training(
        NETWORK, TrainingRecipe.model_validate({"epochs": 12, "batch_size": 16, **change}), unequal(), seed=0
    )
    before, after = (list(each)[-1].per_class_recall for each in (plain, mended))
    assert before is not None
    assert after is not None
    assert before[2] == 0.0
    assert after[2] == 1.0


def test_a_restored_training_draws_the_same_images() -> None:
    recipe = TrainingRecipe(epochs=3, batch_size=16, balanced_sampling=True)
    whole, first = (Training(NETWORK, recipe, unequal(), seed=4) for _ in range(2))
    expected = [replace(report, seconds=0, images_per_second=0, compile_seconds=0) for report in whole]
    first.next_epoch()
    resumed = Training(NETWORK, recipe, unequal(), seed=4)
    resumed.restore(first.checkpoint())
    found = [replace(report, seconds=0, images_per_second=0, compile_seconds=0) for report in resumed]
    assert found == expected[1:]
    assert resumed.summary()["per_class_recall"] == whole.summary()["per_class_recall"]
