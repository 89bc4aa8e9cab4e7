"""Several seeds of one network trained as one program, where that is faster: the same results up to rounding.

Each map, weight and random number has one axis more, of the replicas; images are shared. A small network leaves most of
an accelerator idle, and its replicas fill it. On CPUs three replicates of a search candidate took 1.8 times as long
together as in turn (measured), so there they are trained in turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from models.errors import InvalidRecipe, NotEnoughMemory, TrainingDiverged
from models.fit import EpochReport, Ran, Training
from models.memory import check_fits
from models.ops import on_cpu
from models.programs import Made
from models.training import Span, State, Sums


class Replicas:
    """Trainings that differ in nothing but their seeds.

    Iterating gives the reports of each epoch by seed, of those that go on: a training that diverges or whose patience
    ends drops out, and `diverged` says why. `packed` None packs where it pays and the device can hold it; what was
    chosen stands in the attribute afterwards. Raises `InvalidRecipe` when the trainings are not of one kind.
    """

    def __init__(self, trainings: Sequence[Training], *, packed: bool | None = None) -> None:
        first, *others = trainings
        if any(training.kind != first.kind for training in others):
            raise InvalidRecipe("replicas share network, recipe and data set, and differ in their seeds alone")
        self.trainings = {training.seed: training for training in trainings}
        if len(self.trainings) < len(trainings):
            raise InvalidRecipe("replicas have seeds that differ")
        self.diverged: dict[int, TrainingDiverged] = {}
        wanted = len(trainings) > 1 and not on_cpu() if packed is None else packed
        self._made = self._program(first, must=packed is True) if wanted else None

    @property
    def packed(self) -> bool:
        """Whether they are trained as one program."""
        return self._made is not None

    def __iter__(self) -> Iterator[Mapping[int, EpochReport]]:
        while active := [t for seed, t in self.trainings.items() if not (t.finished or seed in self.diverged)]:
            ran = {} if self._made is None else self._together(self._made, active)
            reports = {}
            for training in active:
                try:
                    reports[training.seed] = training.next_epoch(ran.get(training.seed))
                except TrainingDiverged as error:
                    self.diverged[training.seed] = error
            yield reports

    def _program(self, first: Training, *, must: bool) -> Made | None:
        """The packed program; None, unless it must be, when the device cannot hold it or images are streamed."""
        if first.method.chunk:
            if must:
                raise InvalidRecipe("replicas are packed only where all images fit on the device")
            return None
        found = first.program(replace(first.method, replicas=len(self.trainings)))
        try:
            check_fits(found.memory_bytes, first.memory, f"the program of {len(self.trainings)} replicas")
        except NotEnoughMemory:
            if must:
                raise
            return None
        return found

    def _together(self, made: Made, active: Sequence[Training]) -> Mapping[int, Ran]:
        """One epoch of all. Those that have dropped out stay in the program, and what it makes of them is left."""
        everyone = list(self.trainings.values())
        first = everyone[0]
        epoch, method = active[0].epoch, first.method
        state: State = _stacked([training.state for training in everyone])
        rates = first.rates._replace(seed=_stacked([training.rates.seed for training in everyone]))
        rows = jnp.asarray(np.stack([method.rows(training.seed, epoch) for training in everyone]))
        began = first.clock()

        def run(state: State, steps: range) -> tuple[State, Sums]:
            zeros = jnp.zeros(len(everyone))
            numbers = (epoch, 0, steps.start, steps.stop)
            span = Span(*(np.int32(number) for number in numbers))  # type: ignore[arg-type]  # become arrays there
            done = made.run(state, Sums(zeros, zeros), rates, first.pixels, rows, span)
            jax.block_until_ready(done[1])
            return done

        state, training = run(state, method.training)
        if method.recalibration:
            state, _ = run(state, method.recalibration)
        trained = first.clock()
        state, validation = run(state, method.validation)
        ended = first.clock()
        # each has an equal share of the time
        times = began, began + (trained - began) / len(active), began + (ended - began) / len(active)
        ran = {}
        for place, member in enumerate(everyone):
            if member in active:
                member.state = _one(state, place)
                ran[member.seed] = Ran(_one(training, place), _one(validation, place), *times)
        return ran


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *trees)


def _one(tree: Any, place: int) -> Any:
    def of(leaf: Array) -> Array:
        return leaf[place]

    return jax.tree.map(of, tree)
