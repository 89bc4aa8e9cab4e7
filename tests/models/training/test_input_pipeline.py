"""Streaming: the numbers of a resident data set, from memory-mapped files, a chunk of steps at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Dataset, Split
from models.recipe.recipe import TrainingRecipe
from models.training import input_pipeline
from models.training.fit import Training
from models.training.input_pipeline import Streamed, chunk_steps
from models.training.program_shape import Method, method
from tests.models.small import SMALL, digits, same

RECIPE = TrainingRecipe(epochs=2, batch_size=32, flip=True, recalibration_batches=2)


def mapped(split: Split, path: Path) -> Split:
    """The same images in a file."""
    written = np.memmap(path, np.uint8, "w+", shape=split.images.shape)
    written[:] = split.images
    written.flush()
    return Split(np.memmap(path, np.uint8, "r", shape=split.images.shape), split.labels)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder, data = tmp_path_factory.mktemp("images"), digits()
    parts = {name: mapped(getattr(data, name), folder / name) for name in ("train", "validation", "test")}
    return replace(data, **parts)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four steps of 32 images of 64 bytes."""
    monkeypatch.setattr(input_pipeline, "CHUNK_BYTES", 4 * 32 * 64)


@pytest.mark.usefixtures("small_chunks")
def test_streamed_trains_as_resident_to_the_bit(on_disk: Dataset) -> None:
    resident, streamed = Training(SMALL, RECIPE, digits(), seed=3), Training(SMALL, RECIPE, on_disk, seed=3, resident=0)
    assert streamed.method.chunk == 4  # six steps of training are two chunks, the second half full
    for ours, theirs in zip(streamed, resident, strict=True):
        assert (ours.train_loss, ours.validation_loss) == (theirs.train_loss, theirs.validation_loss)
    assert same(streamed.weights(), resident.weights())
    assert streamed.accuracy("test") == resident.accuracy("test")


@pytest.mark.usefixtures("small_chunks")
def test_a_checkpoint_does_not_know_where_the_images_were(on_disk: Dataset) -> None:
    first = Training(SMALL, RECIPE, on_disk, seed=3, resident=0)
    next(iter(first))
    second, whole = Training(SMALL, RECIPE, digits(), seed=3), Training(SMALL, RECIPE, digits(), seed=3)
    second.restore(first.checkpoint())
    assert [report.epoch for report in second] == [2]
    assert len([*whole]) == 2
    assert same(second.weights(), whole.weights())


@pytest.mark.usefixtures("small_chunks")
def test_portions_hold_the_images_of_their_rows(on_disk: Dataset) -> None:
    how = method(SMALL, RECIPE, on_disk, chunk=4)
    rows = how.rows(3, 0)
    everything = np.concatenate([split.images for split in (on_disk.train, on_disk.validation, on_disk.test)])
    seen = []
    for steps in (how.training, how.validation, how.test):
        for portion in Streamed(on_disk, how).portions(rows, steps):
            seen += portion.steps
            for number in portion.steps:
                places, wanted = np.asarray(portion.rows[number - portion.base]), rows[number]
                np.testing.assert_array_equal(places >= 0, wanted >= 0)
                images = np.asarray(portion.pixels.images)[places[places >= 0]]
                np.testing.assert_array_equal(images, everything[wanted[wanted >= 0]])
    assert seen == list(range(how.recalibration.start))


def test_what_fits_is_not_streamed(on_disk: Dataset) -> None:
    size = sum(split.images.nbytes for split in (on_disk.train, on_disk.validation, on_disk.test))
    assert chunk_steps(on_disk, 32, size) == 0
    assert chunk_steps(on_disk, 32, size - 1) == 6  # all of an epoch's: they are far less than a chunk may hold
    assert input_pipeline.resident_bytes() > 0


methods = st.builds(
    Method,
    batch_size=st.integers(1, 20),
    optimizer=st.just("sgd"),
    schedule=st.just("constant"),
    sizes=st.tuples(st.integers(20, 90), st.integers(1, 60), st.integers(1, 60)),
    recalibrated=st.integers(0, 9),
)


@given(how=methods, seed=st.integers(0, 2**31 - 1), epoch=st.integers(0, 9999))
def test_an_epoch_has_every_image_at_most_once_and_every_evaluated_one(how: Method, seed: int, epoch: int) -> None:
    rows = how.rows(seed, epoch)
    assert rows.shape == (how.steps, how.batch_size)
    train, validation, _ = how.sizes
    trained = rows[how.training.start : how.training.stop].ravel()
    assert len(set(trained.tolist())) == len(trained) == train // how.batch_size * how.batch_size
    assert set(trained.tolist()) <= set(range(train))
    for steps, first, last in (
        (how.validation, train, train + validation),
        (how.test, train + validation, sum(how.sizes)),
    ):
        evaluated = rows[steps.start : steps.stop].ravel()
        assert evaluated[evaluated >= 0].tolist() == list(range(first, last))
    np.testing.assert_array_equal(rows[how.recalibration.start :], rows[: len(how.recalibration)])
    assert np.array_equal(rows, how.rows(seed, epoch))


def test_another_epoch_or_seed_has_another_order() -> None:
    how = Method(10, "sgd", "constant", (90, 10, 10))
    orders = [how.rows(seed, epoch)[:9].ravel().tolist() for seed, epoch in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert all(one != other for number, one in enumerate(orders) for other in orders[:number])
