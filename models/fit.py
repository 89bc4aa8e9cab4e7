"""The only training loop: an iterator of EpochReports. The caller stops it by not asking for more."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from models import checkpoint
from models.architecture import ScaledArchitecture
from models.data.dataset import Dataset
from models.errors import CorruptCheckpoint, TrainingDiverged
from models.programs import Program, initial_state, method, places_of, program, rates
from models.recipe import TrainingRecipe
from models.training import Pixels, State, Sums

CHECKPOINT_VERSION = 1


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch (1-based). Validation uses the averaged weights; losses in nats, the training one with smoothing.

    `seconds` are those of training and validation without compiling, `compile_seconds` those of compiling, which are
    0 when the program is there already. `images_per_second` counts training images and training time.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float
    compile_seconds: float

    def metrics(self) -> dict[str, float]:
        """All but the epoch's number."""
        return {name: value for name, value in asdict(self).items() if name != "epoch"}


@dataclass(frozen=True, slots=True)
class Progress:
    """What a training has to show so far; it travels in the checkpoint."""

    epoch: int = 0
    accuracy: float = 0.0
    best_accuracy: float = 0.0
    best_epoch: int = 0
    train_accuracy: float = 0.0
    validation_loss: float = 0.0
    device_seconds: float = 0.0
    compile_seconds: float = 0.0
    training_seconds: float = 0.0

    def after(self, report: EpochReport, training_seconds: float) -> "Progress":
        """With one more epoch. The first of equally good epochs is the best one."""
        better = self.epoch == 0 or report.validation_accuracy > self.best_accuracy
        return Progress(
            report.epoch,
            report.validation_accuracy,
            report.validation_accuracy if better else self.best_accuracy,
            report.epoch if better else self.best_epoch,
            report.train_accuracy,
            report.validation_loss,
            self.device_seconds + report.seconds,
            self.compile_seconds + report.compile_seconds,
            self.training_seconds + training_seconds,
        )


class Training:
    """One network trained with one recipe on one data set from one seed.

    Iterating goes on from the next epoch to `recipe.epochs`. On one kind of device everything but the times is a
    function of the arguments: a training that was restored from a checkpoint ends bit-identical to one that was not
    interrupted. Raises `TrainingDiverged` when a loss or a weight is NaN or infinite.
    """

    def __init__(
        self,
        architecture: ScaledArchitecture,
        recipe: TrainingRecipe,
        dataset: Dataset,
        *,
        seed: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.architecture, self.recipe, self.dataset, self.seed = architecture, recipe, dataset, seed
        self.progress = Progress()
        self._clock = clock
        self._rates = rates(architecture, recipe, seed)
        self._method = method(recipe, dataset)
        self._pixels = on_device(dataset)
        self._state: State = initial_state(places_of(architecture), recipe.optimizer, seed)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self.progress.epoch

    def __iter__(self) -> Iterator[EpochReport]:
        while self.epoch < self.recipe.epochs:
            yield self._next()

    def accuracy(self, split: Literal["validation", "test"]) -> float:
        """Share of a split that the averaged network classifies correctly."""
        return float(self._run(getattr(self._method, split)).correct) / len(getattr(self.dataset, split))

    def summary(self) -> dict[str, Any]:
        """What there is to say of the training: `accuracy` is the validation accuracy after the last epoch done.

        `device_seconds` leave compiling out. `test_accuracy` is None: the test split is for winners, ask for it.
        """
        done = self.progress
        images = done.epoch * self._images_an_epoch
        return {
            "accuracy": done.accuracy,
            "best_accuracy": done.best_accuracy,
            "best_epoch": done.best_epoch,
            "train_accuracy": done.train_accuracy,
            "validation_loss": done.validation_loss,
            "test_accuracy": None,
            "epochs": done.epoch,
            "device_seconds": done.device_seconds,
            "compile_seconds": done.compile_seconds,
            "images_per_second": images / done.training_seconds if done.training_seconds else 0.0,
        }

    def weights(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """The averaged network: float32 arrays by name, BatchNorm's running statistics among them."""
        return places_of(self.architecture).named(np.asarray(self._state.average))

    def checkpoint(self) -> bytes:
        """Everything needed to go on, with its own SHA-256."""
        leaves = jax.tree.leaves(self._state)
        arrays = {f"state.{number:02d}": np.asarray(leaf) for number, leaf in enumerate(leaves)}
        return checkpoint.pack(arrays, {"identity": self._identity(), "progress": asdict(self.progress)})

    def restore(self, data: bytes) -> None:
        """Go on from a checkpoint of this very training.

        Raises `CorruptCheckpoint` when a byte is off, or when it belongs to another network, recipe, data set or seed.
        """
        arrays, document = checkpoint.unpack(data)
        for name, ours in self._identity().items():
            theirs = document.get("identity", {}).get(name)
            if theirs != ours:
                raise CorruptCheckpoint(
                    f"the checkpoint belongs to another training: its {name} is {theirs!r}, not {ours!r}"
                )
        structure = jax.tree.structure(self._state)
        leaves = [jnp.array(arrays[name], copy=True) for name in sorted(arrays)]
        self._state = jax.tree.unflatten(structure, leaves)
        self.progress = Progress(**document["progress"])

    def _next(self) -> EpochReport:
        clock, started = self._clock, self._clock()
        self._program()
        compiled = clock()
        training = self._run(self._method.training)
        trained = clock()
        validation = self._run(self._method.validation)
        ended = clock()
        images, validated = self._images_an_epoch, len(self.dataset.validation)
        report = EpochReport(
            epoch=self.epoch + 1,
            train_loss=float(training.loss) / images,
            train_accuracy=float(training.correct) / images,
            validation_loss=float(validation.loss) / validated,
            validation_accuracy=float(validation.correct) / validated,
            seconds=ended - compiled,
            images_per_second=images / max(trained - compiled, 1e-9),
            compile_seconds=compiled - started,
        )
        if not (math.isfinite(report.train_loss) and math.isfinite(report.validation_loss)):
            raise TrainingDiverged(
                f"the loss became {report.train_loss} in training and {report.validation_loss} in validation in epoch "
                f"{report.epoch}; a lower learning_rate than {self.recipe.learning_rate:g} may help"
            )
        self.progress = self.progress.after(report, trained - compiled)
        return report

    def _program(self) -> Program:
        height, width, channels = self._pixels.images.shape[1:]
        return program(self.architecture, self._method, (height, width, channels))

    def _run(self, steps: range) -> Sums:
        """Run steps and wait for them. The state is donated: only this method may hold it."""
        numbers = (np.int32(number) for number in (self.epoch, steps.start, steps.stop))
        self._state, sums = self._program()(self._state, self._rates, self._pixels, *numbers)
        done: Sums = jax.block_until_ready(sums)
        return done

    @property
    def _images_an_epoch(self) -> int:
        return len(self._method.training) * self._method.batch_size

    def _identity(self) -> dict[str, Any]:
        recipe = self.recipe.model_dump_json()
        return {
            "version": CHECKPOINT_VERSION,
            "architecture": self.architecture.key,
            "recipe": hashlib.sha256(recipe.encode()).hexdigest()[:16],
            "rates": [self.architecture.dropout, self.architecture.drop_path],
            "dataset": self.dataset.fingerprint,
            "seed": self.seed,
        }


@lru_cache(maxsize=4)
def on_device(dataset: Dataset) -> Pixels:
    """All splits of a data set on the device, once for all trainings of a process."""
    splits = dataset.train, dataset.validation, dataset.test
    images, labels = np.concatenate([s.images for s in splits]), np.concatenate([s.labels for s in splits])
    return Pixels(*(jnp.asarray(array) for array in (images, labels, dataset.mean, dataset.deviation)))
