"""What of a recipe, a network and a data set shapes the program; and the steps that a training has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.augmentation.augmentation import NOTHING, Augmentation
from models.data.dataset import Dataset
from models.errors import InvalidDevices, InvalidRecipe
from models.recipe.recipe import OptimizerName, Precision, ScheduleName, TrainingRecipe
from models.scaling.architecture import ScaledArchitecture


@dataclass(frozen=True, slots=True)
class Method:
    """What shapes the program besides the network. `sizes` in images a split: train, validation, test.

    Parts of a network are its stem (0), its stages, and the head with the classifier. The first `frozen` of them are
    not trained, BatchNorm of the first `fixed` keeps to its stored statistics. `recalibrated` are batches; `chunk` is
    how many steps' images are on the device at a time, 0 for all of them. With `layered` each weight has a rate of its
    own, with `masked` a mask says what decays, with `weighted` each class has a weight in the
    loss. Each of `devices` works on an equal part of every batch.

    `replicas` are seeds of one network that the program trains at once: state, sums, seed and rows have one axis more.

    Steps are numbered through: those of training, then of validation, of test, and of recalibration.
    """

    batch_size: int
    optimizer: OptimizerName
    schedule: ScheduleName
    sizes: tuple[int, int, int]
    augmentation: Augmentation = NOTHING
    precision: Precision = "fp32"
    clips: bool = False
    masked: bool = False
    layered: bool = False
    weighted: bool = False
    frozen: int = 0
    fixed: int = 0
    recalibrated: int = 0
    chunk: int = 0
    replicas: int = 1
    devices: int = 1

    @property
    def training(self) -> range:
        """Training steps. Images that fill no batch are left out, other ones every epoch."""
        return range(self.sizes[0] // self.batch_size)

    @property
    def validation(self) -> range:
        """Steps over the validation split; the last one may be partly empty."""
        return _behind(self.training, -(-self.sizes[1] // self.batch_size))

    @property
    def test(self) -> range:
        """Steps over the test split; the last one may be partly empty."""
        return _behind(self.validation, -(-self.sizes[2] // self.batch_size))

    @property
    def recalibration(self) -> range:
        """Steps over training images that find BatchNorm's statistics and change nothing else."""
        return _behind(self.test, min(self.recalibrated, len(self.training)))

    @property
    def steps(self) -> int:
        """Of all kinds."""
        return self.recalibration.stop

    @property
    def rows_shape(self) -> tuple[int, int]:
        """(steps, images) of the rows that a program is given."""
        return self.chunk or self.steps, self.batch_size

    @property
    def images(self) -> int:
        """Images that are on the device at a time."""
        return self.chunk * self.batch_size or sum(self.sizes)

    def rows(self, seed: int, epoch: int, labels: NDArray[np.int32] | None = None) -> NDArray[np.int32]:
        """The images of each step of a 0-based epoch, -1 where a batch is not full: (steps, batch).

        They are counted through all splits. The training split's order is a function of seed and epoch. With
        its `labels` each class is drawn equally often.
        """
        random = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
        steps = len(self.training)
        wanted = steps * self.batch_size
        drawn = random.permutation(self.sizes[0])[:wanted] if labels is None else balanced(labels, wanted, random)
        order = drawn.astype(np.int32)
        trained = order.reshape(steps, self.batch_size)
        return np.concatenate([trained, *self._evaluated(), trained[: len(self.recalibration)]])

    def _evaluated(self) -> list[NDArray[np.int32]]:
        found, start = [], self.sizes[0]
        for size in self.sizes[1:]:
            rows = np.arange(start, start + size, dtype=np.int32)
            full = np.pad(rows, (0, -size % self.batch_size), constant_values=-1)
            found.append(full.reshape(-1, self.batch_size))
            start += size
        return found


def method(
    architecture: ScaledArchitecture, recipe: TrainingRecipe, dataset: Dataset, chunk: int = 0, devices: int = 1
) -> Method:
    """The method of a training; a batch holds at most the whole train split.

    Raises `InvalidRecipe` when the network cannot be trained so, `InvalidDevices` when a batch has no equal parts.
    """
    recipe.check_suits(architecture)
    batch_size = min(recipe.batch_size, len(dataset.train))
    _check_divides(batch_size, devices)
    stages = len(architecture.stages)
    sizes = len(dataset.train), len(dataset.validation), len(dataset.test)
    return Method(
        batch_size=batch_size,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        sizes=sizes,
        augmentation=augmentation(recipe),
        precision=recipe.precision,
        clips=recipe.clip_norm > 0,
        masked=recipe.weight_decay_on == "kernels",
        layered=recipe.layered,
        weighted=recipe.class_weights is not None,
        frozen=recipe.frozen_parts,
        fixed=stages + 2 if recipe.frozen_norm else recipe.frozen_parts,
        recalibrated=recipe.recalibration_batches,
        chunk=chunk,
        devices=devices,
    )


def augmentation(recipe: TrainingRecipe) -> Augmentation:
    """Which kinds of augmentation a recipe has on."""
    return Augmentation(
        moves=bool(recipe.shift_px or recipe.flip or recipe.crop_area[0] < 1),
        mixes=bool(recipe.mixup or recipe.cutmix),
        erases=recipe.erasing > 0,
        policy=recipe.policy if recipe.policy_magnitude else "none",
    )


def balanced(labels: NDArray[np.int32], wanted: int, random: np.random.Generator) -> NDArray[np.int64]:
    """So many images of a split in random order, of each class that has any equally many, up to one.

    Each image of a class is drawn as often as any other of it, up to one time.
    """
    classes = random.permutation(np.unique(labels))  # who gets one more than others is drawn, too
    picked = []
    for place, label in enumerate(classes):
        images = np.flatnonzero(labels == label)
        count = wanted // len(classes) + (place < wanted % len(classes))
        rounds = [random.permutation(images) for _ in range(-(-count // len(images)))]
        picked += [np.concatenate(rounds)[:count]] if rounds else []
    return random.permutation(np.concatenate(picked))


def class_weights(recipe: TrainingRecipe, dataset: Dataset) -> tuple[float, ...] | None:
    """Factors of the loss by class, 1 in the mean over the training images; None where the recipe has none.

    `balanced` is the inverse of a class's share. A class without training images weighs nothing.
    """
    if recipe.class_weights is None:
        return None
    counts = np.bincount(dataset.train.labels, minlength=dataset.classes)
    given = 1 / np.maximum(counts, 1) if recipe.class_weights == "balanced" else np.asarray(recipe.class_weights)
    given = np.where(counts > 0, given, 0.0)
    total = float((given * counts).sum())
    if total <= 0:
        raise InvalidRecipe("class_weights are 0 for every class that has training images: nothing would be learnt")
    return tuple(float(weight) for weight in given * (counts.sum() / total))


def _check_divides(batch_size: int, devices: int) -> None:
    if devices < 1:
        raise InvalidDevices(f"a training takes at least 1 device, not {devices}")
    if batch_size % devices:
        allowed = ", ".join(str(count) for count in range(1, devices) if batch_size % count == 0)
        raise InvalidDevices(
            f"a batch of {batch_size} images has no {devices} equal parts: take a batch_size that is a multiple of "
            f"{devices}, or {allowed} of the devices"
        )


def _behind(steps: range, count: int) -> range:
    return range(steps.stop, steps.stop + count)
