"""Replicas trained as one program against the same ones trained in turn."""

from dataclasses import replace

import numpy as np
import pytest

from models.errors import InvalidRecipe, NotEnoughMemory
from models.fit import Training
from models.packing import Replicas
from models.recipe import TrainingRecipe
from tests.models.small import SMALL, digits

RECIPE = TrainingRecipe(epochs=2, batch_size=32, mixup=0.2, shift_px=1, recalibration_batches=2)
DATA = digits(96, 40, 30)


def trainings(recipe: TrainingRecipe = RECIPE, seeds: tuple[int, ...] = (0, 1, 2), **options: int) -> list[Training]:
    return [Training(SMALL, recipe, DATA, seed=seed, **options) for seed in seeds]


def test_packed_replicas_are_those_trained_in_turn() -> None:
    """To the rounding of float32 sums in another order, which some steps amplify a little."""
    together, in_turn = Replicas(trainings(), packed=True), Replicas(trainings(), packed=False)
    assert (together.packed, in_turn.packed) == (True, False)
    for ours, theirs in zip(together, in_turn, strict=True):
        assert ours.keys() == theirs.keys() == {0, 1, 2}
        for seed, report in ours.items():
            assert report.epoch == theirs[seed].epoch
            assert report.train_loss == pytest.approx(theirs[seed].train_loss, rel=1e-5)
            assert report.validation_loss == pytest.approx(theirs[seed].validation_loss, rel=1e-5)
    losses = {report.train_loss for report in ours.values()}
    assert len(losses) == 3  # each has its own weights, order and augmentation
    for seed, member in together.trainings.items():
        alone = in_turn.trainings[seed]
        for name, array in member.weights().items():
            np.testing.assert_allclose(array, alone.weights()[name], rtol=1e-3, atol=1e-4)
        assert member.accuracy("test") == pytest.approx(alone.accuracy("test"), abs=1 / 30 + 1e-9)


def test_a_packed_replica_goes_on_alone_from_its_checkpoint() -> None:
    replicas = Replicas(trainings(seeds=(4, 5)), packed=True)
    epochs = iter(replicas)
    next(epochs)
    saved = replicas.trainings[5].checkpoint()
    (rest,) = list(epochs)
    alone = Training(SMALL, RECIPE, DATA, seed=5)
    alone.restore(saved)
    (report,) = list(alone)
    assert report.train_loss == pytest.approx(rest[5].train_loss, rel=1e-5)


def test_one_that_diverges_drops_out_and_the_others_go_on() -> None:
    members = trainings(RECIPE.model_copy(update={"epochs": 3}), seeds=(0, 1))
    replicas = Replicas(members, packed=True)
    epochs = iter(replicas)
    next(epochs)
    broken = members[0].state
    members[0].state = broken._replace(values=broken.values * np.float32(np.nan))
    assert next(epochs).keys() == {1}
    assert next(epochs).keys() == {1}
    assert replicas.diverged.keys() == {0}
    assert members[1].epoch == 3


def test_on_a_cpu_they_are_trained_in_turn_unless_told_otherwise() -> None:
    assert not Replicas(trainings()).packed


def test_what_cannot_be_packed_is_told() -> None:
    with pytest.raises(InvalidRecipe, match="differ in their seeds alone"):
        Replicas([*trainings(seeds=(0,)), *trainings(RECIPE.model_copy(update={"momentum": 0.8}), seeds=(1,))])
    with pytest.raises(InvalidRecipe, match="seeds that differ"):
        Replicas(trainings(seeds=(1, 1)))
    with pytest.raises(InvalidRecipe, match="all images fit"):
        Replicas(trainings(resident=1000), packed=True)
    members = trainings()
    one = members[0].program(members[0].method).memory_bytes
    many = members[0].program(replace(members[0].method, replicas=3)).memory_bytes
    assert one is not None
    assert many is not None
    assert one < many
    with pytest.raises(NotEnoughMemory, match="the program of 3 replicas needs"):
        Replicas(trainings(memory=many - 1), packed=True)
