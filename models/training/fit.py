"""The only training loop: an iterator of EpochReports. The caller stops it by not asking for more."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from models.compiler.reports import Compilation
from models.data.dataset import Dataset
from models.errors import CorruptCheckpoint, TrainingDiverged
from models.recipe.recipe import TrainingRecipe
from models.scaling.architecture import ScaledArchitecture
from models.training.class_counts import Metric
from models.training.devices import check, put
from models.training.input_pipeline import Resident, Streamed, chunk_steps, on_device, resident_bytes
from models.training.latency import latency_ms
from models.training.memory import check_fits, device_limit, device_peak, least_bytes, training_peak
from models.training.program_shape import Method, class_weights, method
from models.training.programs import Image, Made, Named, Program, initial_state, made, named_digest, places_of, rates
from models.training.progress import EpochReport, Progress
from models.training.steps import Pixels, Span, State, Sums, no_sums
from models.weights import checkpoint
from models.wording import counted

__all__ = ["EpochReport", "Progress", "Training"]
CHECKPOINT_VERSION = 4
BEST = "best"  # the array of a checkpoint that is no part of the state


class Ran(NamedTuple):
    """One epoch: sums over its training and validation images, and the clock as it began, had trained, had ended."""

    training: Sums
    validation: Sums
    began: float
    trained: float
    ended: float


class Training:
    """One network trained with one recipe on one data set from one seed.

    Iterating goes on from the next epoch to `recipe.epochs`, or until its patience ends. It begins with random
    weights, or with the arrays of `start`, which are named as `weights()` names them. On one kind of device, of CPUs
    with as many cores, everything but the times is a function of the arguments: a training that was restored from a
    checkpoint ends bit-identical to one that was not interrupted. Images of more than `resident` bytes (by default
    what suits the device) are streamed to it; the numbers stay the same. Of several `devices` each works on an equal
    part of every batch: the numbers are those of one device up to the rounding of float32 sums, which are added in
    another order. A checkpoint restores on any number of devices, and what follows is equal up to that rounding, not
    to the bit. `memory` is how many bytes the training may hold on each, by default what the device has.

    `metric` says by what the best epoch is chosen and patience waits.

    Rates that the recipe leaves open or gives as rules are the architecture's: see `regularization.regularized`.
    Raises `TrainingDiverged` when a loss or a weight is NaN or infinite, `InvalidRecipe` when network and recipe do not
    go together, `InvalidDevices` when there are not so many or a batch has no such equal parts, `NotEnoughMemory` when
    a device cannot hold the training: at once where that is certain, otherwise when the program is there.
    """

    def __init__(
        self,
        architecture: ScaledArchitecture,
        recipe: TrainingRecipe,
        dataset: Dataset,
        *,
        seed: int,
        start: Named | None = None,
        resident: int | None = None,
        devices: int = 1,
        memory: int | None = None,
        metric: Metric = "accuracy",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.metric = metric
        self.architecture, self.recipe, self.dataset, self.seed = architecture, recipe, dataset, seed
        self.progress = Progress()
        self.clock = clock
        self._compilation = Compilation()  # of the programs that were got since the last report
        check(devices)
        self.method = _method(architecture, recipe, dataset, resident, devices)
        self.memory = device_limit() if memory is None else memory
        _check_size(architecture, recipe, self.method, self.memory)
        self.rates = put(rates(architecture, recipe, seed, class_weights(recipe, dataset)), devices)
        self._feed = (
            Streamed(dataset, self.method) if self.method.chunk else Resident(on_device(dataset, devices), devices)
        )
        self.state: State = put(initial_state(places_of(architecture), recipe.optimizer, seed, start), devices)
        self._start = None if start is None else named_digest(start)
        self._best: NDArray[np.float32] | None = None
        self._program_bytes: int | None = None
        self._peak_before: int | None = None  # of the device, once the program was there: compiling may hold more

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self.progress.last.epoch

    @property
    def finished(self) -> bool:
        """Whether there is no epoch left to do: all are done, or patience ended."""
        return self.epoch >= self.recipe.epochs or self.progress.stopped_early(self.recipe)

    def __iter__(self) -> Iterator[EpochReport]:
        while not self.finished:
            yield self.next_epoch()

    def compile(self) -> None:
        """Get the program at hand. The next epoch does that anyway, and reports the seconds."""
        started = self.clock()
        found = self._made()
        check_fits(
            found.memory_bytes, self.memory, f"the program with {counted(self.method.batch_size, 'image')} a step"
        )
        self._compilation += found.charge(self.clock() - started)
        self._program_bytes = found.memory_bytes
        self._peak_before = device_peak() if self._peak_before is None else self._peak_before

    def share(self, compilation: Compilation, memory_bytes: int | None) -> None:
        """Its part of a program that trains others too: what that took to get, reported with the next epoch, and what
        it needs to run.
        """
        self._compilation += compilation
        self._program_bytes = memory_bytes

    def accuracy(self, split: Literal["validation", "test"]) -> float:
        """Share of a split that the network of the declared epoch classifies correctly."""
        return self.scores(split)["accuracy"]

    def scores(self, split: Literal["validation", "test"]) -> dict[Metric, float]:
        """Each metric of the network of the declared epoch on a split."""
        current = np.array(self.state.average) if self._best is not None else None
        if self._best is not None:
            self.state = self.state._replace(average=self._put(self._best))
        sums = self._run(getattr(self.method, split))
        if current is not None:
            self.state = self.state._replace(average=self._put(current))
        return sums.scores(len(getattr(self.dataset, split)))

    def latency_ms(self) -> float:
        """Milliseconds for one image with the network of the declared epoch (`models.training.latency`). Compiles."""
        return latency_ms(self.architecture, self.chosen(), self.recipe.precision, self.clock)

    def summary(self) -> dict[str, Any]:
        """What there is to say of the training.

        `accuracy` is the validation accuracy after the epoch that `recipe.selection` declares, `train_accuracy` and
        `validation_loss` are of the same epoch; those after the last and the best epoch stand beside it.
        `device_seconds` leave compiling out. `test_accuracy` is None: the test split is for winners, ask for it; so is
        `latency_ms`, which takes a program of its own.
        """
        done = self.progress
        chosen = done.best if self.recipe.selection == "best" else done.last
        images = done.last.epoch * self._images_an_epoch
        return {
            "accuracy": chosen.accuracy,
            "balanced_accuracy": chosen.balanced_accuracy,
            "macro_f1": chosen.macro_f1,
            "per_class_recall": chosen.per_class_recall,
            "last_accuracy": done.last.accuracy,
            "best_accuracy": done.best.accuracy,
            "best_epoch": done.best.epoch,
            "train_accuracy": chosen.train_accuracy,
            "validation_loss": chosen.validation_loss,
            "test_accuracy": None,
            "epochs": done.last.epoch,
            "stopped_early": done.stopped_early(self.recipe),
            "device_seconds": done.device_seconds,
            **asdict(done.compilation),
            "latency_ms": None,
            "images_per_second": images / done.training_seconds if done.training_seconds else 0.0,
            "peak_memory_bytes": training_peak(self._program_bytes, self._peak_before),
        }

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The averaged network after the declared epoch: float32 arrays by name, BatchNorm's running statistics among
        them.
        """
        return places_of(self.architecture).named(self.chosen())

    def checkpoint(self) -> bytes:
        """Everything needed to go on, with its own SHA-256."""
        leaves = jax.tree.leaves(self.state)
        arrays = {f"state.{number:02d}": np.asarray(leaf) for number, leaf in enumerate(leaves)}
        if self._best is not None:
            arrays[BEST] = self._best
        return checkpoint.pack(arrays, {"identity": self._identity(), "progress": self.progress.document()})

    def restore(self, data: bytes) -> None:
        """Go on from a checkpoint of this very training.

        Raises `CorruptCheckpoint` when a byte is off, or when it belongs to another network, recipe, data set, start or
        seed.
        """
        arrays, document = checkpoint.unpack(data)
        for name, ours in self._identity().items():
            theirs = document.get("identity", {}).get(name)
            if theirs != ours:
                raise CorruptCheckpoint(
                    f"the checkpoint belongs to another training: its {name} is {theirs!r}, not {ours!r}"
                )
        self._best = arrays.pop(BEST, None)
        structure = jax.tree.structure(self.state)
        leaves = [self._put(arrays[name]) for name in sorted(arrays)]
        self.state = jax.tree.unflatten(structure, leaves)
        self.progress = Progress.read(document["progress"])

    def next_epoch(self, ran: Ran | None = None) -> EpochReport:
        """One more epoch, for which there must be reason; or the record of one that has `ran` elsewhere."""
        training, validation, began, trained, ended = self._ran() if ran is None else ran
        compilation, self._compilation = self._compilation, Compilation()
        images, validated = self._images_an_epoch, len(self.dataset.validation)
        counts = validation.by_class
        report = EpochReport(
            epoch=self.epoch + 1,
            train_loss=float(training.loss) / images,
            train_accuracy=float(training.correct) / images,
            validation_loss=float(validation.loss) / validated,
            validation_accuracy=float(validation.correct) / validated,
            balanced_accuracy=counts.balanced_accuracy,
            macro_f1=counts.macro_f1,
            per_class_recall=counts.recalls,
            seconds=ended - began,
            images_per_second=images / max(trained - began, 1e-9),
            compile_seconds=compilation.compile_seconds,
        )
        if not (math.isfinite(report.train_loss) and math.isfinite(report.validation_loss)):
            raise TrainingDiverged(
                f"the loss became {report.train_loss} in training and {report.validation_loss} in validation in epoch "
                f"{report.epoch}; a lower learning_rate than {self.recipe.learning_rate:g} may help"
            )
        self.progress = self.progress.after(
            report, trained - began, self.recipe.patience_delta, compilation, self.metric
        )
        if self.recipe.selection == "best" and self.progress.best.epoch == report.epoch:
            self._best = np.array(self.state.average)
        return report

    def _ran(self) -> Ran:
        self.compile()
        began = self.clock()
        training = self._run(self.method.training)
        if self.method.recalibration:
            self._run(self.method.recalibration)
        trained = self.clock()
        return Ran(training, self._run(self.method.validation), began, trained, self.clock())

    def chosen(self) -> NDArray[np.float32]:
        """The averaged network after the declared epoch, flat as in `models.layers.flat_layout`."""
        return np.array(self.state.average) if self._best is None else self._best

    def _program(self) -> Program:
        return self._made().run

    def _made(self) -> Made:
        return self.program(self.method)

    def program(self, chosen: Method) -> Made:
        """The program of this network and data set for a method of any number of replicas."""
        return made(self.architecture, chosen, _image(self.dataset))

    @property
    def pixels(self) -> Pixels:
        """All images on the device, where they are."""
        return on_device(self.dataset, self.method.devices)

    @property
    def kind(self) -> tuple[object, ...]:
        """What trainings have in common that differ in their seeds alone."""
        identity = {name: value for name, value in self._identity().items() if name != "seed"}
        return identity, self.method

    def _run(self, steps: range) -> Sums:
        """Run steps and wait for them. The state is donated: only this method may hold it."""
        rows, run = self.rows(self.epoch), self._program()
        sums: Sums = put(no_sums(self.architecture.classes), self.method.devices)
        for portion in self._feed.portions(rows, steps):
            numbers = (self.epoch, portion.base, portion.steps.start, portion.steps.stop)
            span = Span(*(np.int32(number) for number in numbers))  # type: ignore[arg-type]  # become arrays there
            self.state, sums = run(self.state, sums, self.rates, portion.pixels, portion.rows, span)
            jax.block_until_ready(sums)
        return sums

    def _put(self, array: NDArray[Any]) -> jax.Array:
        """A copy of a part of the state where the state is: what is donated must not be the host's memory."""
        return put(jnp.array(array, copy=True), self.method.devices)

    def rows(self, epoch: int) -> NDArray[np.int32]:
        """The images of each step of a 0-based epoch, as `Method.rows` has them."""
        return self.method.rows(self.seed, epoch, self.dataset.train.labels if self.recipe.balanced_sampling else None)

    @property
    def _images_an_epoch(self) -> int:
        return len(self.method.training) * self.method.batch_size

    def _identity(self) -> dict[str, Any]:
        recipe = self.recipe.model_dump_json(exclude={"preset"})
        return {
            "version": CHECKPOINT_VERSION,
            "architecture": self.architecture.key,
            "recipe": hashlib.sha256(recipe.encode()).hexdigest()[:16],
            "rates": [self.architecture.dropout, self.architecture.drop_path],
            "dataset": self.dataset.fingerprint,
            "seed": self.seed,
            "start": self._start,
            "metric": self.metric,
        }


def prepare(
    architecture: ScaledArchitecture,
    recipe: TrainingRecipe,
    dataset: Dataset,
    *,
    replicas: int = 1,
    resident: int | None = None,
    memory: int | None = None,
) -> None:
    """Have the program of such a `Training` compiled before it is begun, or that of several `packing.Replicas`; for a
    thread of its own.
    """
    chosen = _method(architecture, recipe, dataset, resident, devices=1)
    if not chosen.chunk:  # streamed images are trained on by one at a time
        chosen = replace(chosen, replicas=replicas)
    _check_size(architecture, recipe, chosen, device_limit() if memory is None else memory)
    made(architecture, chosen, _image(dataset))


def _check_size(architecture: ScaledArchitecture, recipe: TrainingRecipe, chosen: Method, limit: int | None) -> None:
    batch = chosen.batch_size // chosen.devices
    what = f"training with {counted(batch, 'image')} a step and device at the very least"
    check_fits(least_bytes(architecture, recipe, batch), limit, what)


def _method(
    architecture: ScaledArchitecture, recipe: TrainingRecipe, dataset: Dataset, resident: int | None, devices: int
) -> Method:
    chunk = chunk_steps(dataset, recipe.batch_size, resident_bytes() if resident is None else resident)
    return method(architecture, recipe, dataset, chunk, devices)


def _image(dataset: Dataset) -> Image:
    height, width, channels = dataset.train.images.shape[1:]
    return height, width, channels
