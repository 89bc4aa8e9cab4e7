"""Several seeds of one network trained as one program, where that is faster: the same results up to rounding.

Each map, weight and random number has one axis more, of the replicas; images are shared. A small network leaves most of
an accelerator idle, and its replicas fill it. On CPUs three replicates of a search candidate took 1.8 times as long
together as in turn (measured), so there they are trained in turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from models.compiler.reports import Compilation
from models.errors import InvalidRecipe, NotEnoughMemory, TrainingDiverged
from models.layers.convolutions import on_cpu
from models.training.class_counts import Metric
from models.training.fit import EpochReport, Ran, Training
from models.training.memory import check_fits
from models.training.programs import Made
from models.training.steps import Rates, Span, State, Sums, no_sums


class Replicas:
    """Trainings that differ in nothing but their seeds.

    Iterating gives the reports of each epoch by seed, of those that go on: a training that is dropped, that diverges or
    whose patience ends drops out; `diverged` says why. `packed` None packs where it pays and where it can be: the
    device can hold the program and all images, and all trainings are at the same epoch. What was chosen stands in the
    attribute afterwards. Raises `InvalidRecipe` when the trainings are not of one kind, or must be packed and cannot.
    """

    def __init__(self, trainings: Sequence[Training], *, packed: bool | None = None) -> None:
        first, *others = trainings
        if any(training.kind != first.kind for training in others):
            raise InvalidRecipe("replicas share network, recipe and data set, and differ in their seeds alone")
        self.trainings = {training.seed: training for training in trainings}
        if len(self.trainings) < len(trainings):
            raise InvalidRecipe("replicas have seeds that differ")
        self.diverged: dict[int, TrainingDiverged] = {}
        self._dropped: set[int] = set()
        wanted = len(trainings) > 1 and not on_cpu() if packed is None else packed
        self._made = self._program(first, must=packed is True) if wanted else None

    @property
    def packed(self) -> bool:
        """Whether they are trained as one program."""
        return self._made is not None

    def __iter__(self) -> Iterator[Mapping[int, EpochReport]]:
        while active := self._active():
            ran = {} if self._made is None else self._together(self._made, active)
            reports = {}
            for training in active:
                try:
                    reports[training.seed] = training.next_epoch(ran.get(training.seed))
                except TrainingDiverged as error:
                    self.diverged[training.seed] = error
            yield reports

    def compile(self) -> None:
        """Get the program at hand. The next epoch does that anyway; packed ones have it."""
        for training in self._active()[:1]:
            if self._made is None:
                training.compile()

    def drop(self, seed: int) -> None:
        """Train this one no further; the others go on. In one program its share of the work is done and left."""
        self._dropped.add(seed)

    def accuracies(self, split: Literal["validation", "test"], seeds: Sequence[int]) -> dict[int, float]:
        """By seed, the share of a split that the network of the declared epoch classifies correctly."""
        return {seed: found["accuracy"] for seed, found in self.scores(split, seeds).items()}

    def scores(self, split: Literal["validation", "test"], seeds: Sequence[int]) -> dict[int, dict[Metric, float]]:
        """By seed, each metric of that network on a split."""
        if self._made is None:
            return {seed: self.trainings[seed].scores(split) for seed in seeds}
        everyone = list(self.trainings.values())
        first = everyone[0]
        chosen = _stacked([training.state._replace(average=jnp.asarray(training.chosen())) for training in everyone])
        _, sums = self._run(self._made, chosen, self._inputs(0), 0, getattr(first.method, split))
        images = len(getattr(first.dataset, split))
        found = {member.seed: _one(sums, place).scores(images) for place, member in enumerate(everyone)}
        return {seed: found[seed] for seed in seeds}

    def _active(self) -> list[Training]:
        gone = self._dropped | self.diverged.keys()
        return [training for seed, training in self.trainings.items() if not (training.finished or seed in gone)]

    def _program(self, first: Training, *, must: bool) -> Made | None:
        """The packed program; None, unless it must be, where it cannot be."""
        if obstacle := self._obstacle(first):
            if must:
                raise InvalidRecipe(f"replicas are packed only {obstacle}")
            return None
        began = first.clock()
        found = first.program(replace(first.method, replicas=len(self.trainings)))
        try:
            check_fits(found.memory_bytes, first.memory, f"the program of {len(self.trainings)} replicas")
        except NotEnoughMemory:
            if must:
                raise
            return None
        taken = found.charge(first.clock() - began)
        for training in self.trainings.values():
            training.share(taken if training is first else Compilation(), self._part(found.memory_bytes, first))
        return found

    def _part(self, memory_bytes: int | None, first: Training) -> int | None:
        """What one of them would need: images are there once, all else is there for each."""
        if memory_bytes is None:
            return None
        images = sum(int(array.nbytes) for array in first.pixels)
        return images + (memory_bytes - images) // len(self.trainings)

    def _obstacle(self, first: Training) -> str | None:
        if first.method.chunk:
            return "where all images fit on the device"
        if any(training.epoch != first.epoch for training in self.trainings.values()):
            return "where all have done as many epochs"
        return None

    def _together(self, made: Made, active: Sequence[Training]) -> Mapping[int, Ran]:
        """One epoch of all. Those that have dropped out stay in the program, and what it makes of them is left."""
        everyone = list(self.trainings.values())
        first, epoch = everyone[0], active[0].epoch
        state: State = _stacked([training.state for training in everyone])
        inputs, method = self._inputs(epoch), first.method
        began = first.clock()
        state, training = self._run(made, state, inputs, epoch, method.training)
        if method.recalibration:
            state, _ = self._run(made, state, inputs, epoch, method.recalibration)
        trained = first.clock()
        state, validation = self._run(made, state, inputs, epoch, method.validation)
        ended = first.clock()
        # each has an equal share of the time
        times = began, began + (trained - began) / len(active), began + (ended - began) / len(active)
        ran = {}
        for place, member in enumerate(everyone):
            if member in active:
                member.state = _one(state, place)
                ran[member.seed] = Ran(_one(training, place), _one(validation, place), *times)
        return ran

    def _inputs(self, epoch: int) -> tuple[Rates, Array]:
        """The rates, and the rows (replicas, steps, batch) of a 0-based epoch."""
        everyone = list(self.trainings.values())
        rates = everyone[0].rates._replace(seed=_stacked([training.rates.seed for training in everyone]))
        return rates, jnp.asarray(np.stack([each.rows(epoch) for each in everyone]))

    def _run(
        self, made: Made, state: State, inputs: tuple[Rates, Array], epoch: int, steps: range
    ) -> tuple[State, Sums]:
        """Run steps for all, and wait for them. The state, which is stacked, is donated."""
        rates, rows = inputs
        classes = next(iter(self.trainings.values())).architecture.classes
        numbers = (epoch, 0, steps.start, steps.stop)
        span = Span(*(np.int32(number) for number in numbers))  # type: ignore[arg-type]  # become arrays there
        pixels = next(iter(self.trainings.values())).pixels
        done = made.run(state, no_sums(classes, len(self.trainings)), rates, pixels, rows, span)
        jax.block_until_ready(done[1])
        return done


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *trees)


def _one(tree: Any, place: int) -> Any:
    def of(leaf: Array) -> Array:
        return leaf[place]

    return jax.tree.map(of, tree)
