"""Replicas trained as one program against the same ones trained in turn."""

from dataclasses import replace

import numpy as np
import pytest

from models.errors import InvalidRecipe, NotEnoughMemory
from models.recipe.recipe import TrainingRecipe
from models.training.fit import Training
from models.training.packing import Replicas
from service.trainer.replicas import together
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


def test_one_that_is_dropped_stays_as_it_is_and_the_others_go_on() -> None:
    members = trainings(seeds=(0, 1))
    replicas = Replicas(members, packed=True)
    epochs = iter(replicas)
    next(epochs)
    before = members[0].weights()
    replicas.drop(0)
    assert [report.keys() for report in epochs] == [{1}]
    for name, array in members[0].weights().items():
        np.testing.assert_array_equal(array, before[name])
    assert [member.epoch for member in members] == [1, 2]


def test_a_packed_program_is_charged_once_and_its_memory_is_shared_out() -> None:
    members = trainings()
    members[0].program(replace(members[0].method, replicas=3)).charged = False  # as if no other test had had it
    replicas = Replicas(members, packed=True)
    replicas.compile()
    list(replicas)
    results = [member.summary() for member in members]
    assert [result["programs_compiled"] + result["programs_cached"] for result in results] == [1, 0, 0]
    waited = [result["compile_seconds"] + result["compiled_ahead_seconds"] > 0 for result in results]
    assert waited == [True, False, False]
    alone = members[0].program(members[0].method).memory_bytes
    assert alone is not None
    for result in results:
        # together they are computed without the CPU kernels, which need fewer maps
        assert result["peak_memory_bytes"] == pytest.approx(alone, rel=0.5)


@pytest.mark.parametrize("selection", ["last", "best"])
def test_packed_accuracies_are_those_of_each_network_of_its_declared_epoch(selection: str) -> None:
    members = trainings(RECIPE.model_copy(update={"selection": selection, "epochs": 3}))
    replicas = Replicas(members, packed=True)
    list(replicas)
    found = replicas.accuracies("test", [0, 2])
    assert found == {seed: replicas.trainings[seed].accuracy("test") for seed in (0, 2)}
    assert Replicas(members, packed=False).accuracies("test", [2]) == {2: found[2]}


def test_on_a_cpu_they_are_trained_in_turn_unless_told_otherwise() -> None:
    assert not Replicas(trainings()).packed


def test_what_cannot_be_packed_is_told() -> None:
    with pytest.raises(InvalidRecipe, match="differ in their seeds alone"):
        Replicas([*trainings(seeds=(0,)), *trainings(RECIPE.model_copy(update={"momentum": 0.8}), seeds=(1,))])
    with pytest.raises(InvalidRecipe, match="seeds that differ"):
        Replicas(trainings(seeds=(1, 1)))
    with pytest.raises(InvalidRecipe, match="all images fit"):
        Replicas(trainings(resident=1000), packed=True)
    ahead, behind = trainings(seeds=(0, 1))
    ahead.next_epoch()
    with pytest.raises(InvalidRecipe, match="all have done as many epochs"):
        Replicas([ahead, behind], packed=True)
    assert [report.keys() for report in Replicas([ahead, behind], packed=False)] == [{0, 1}, {1}]
    members = trainings()
    one = members[0].program(members[0].method).memory_bytes
    many = members[0].program(replace(members[0].method, replicas=3)).memory_bytes
    assert one is not None
    assert many is not None
    assert one < many
    with pytest.raises(NotEnoughMemory, match="the program of 3 replicas needs"):
        Replicas(trainings(memory=many - 1), packed=True)


def test_a_trainer_packs_where_it_can() -> None:
    members = trainings()
    many = members[0].program(replace(members[0].method, replicas=3)).memory_bytes
    assert many is not None
    assert together(members).packed
    assert not together(trainings(memory=many - 1)).packed
    assert not together(trainings(resident=1000)).packed
    assert not together(members[:1]).packed
