"""One training as both sides get it: effscale as a network, a recipe and a data set; rivals as plain data."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.augmentation.augmentation import RGB, resize_matrix
from models.data.dataset import Dataset, Split
from models.data.loading import load
from models.recipe.recipe import TrainingRecipe
from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import from_table
from models.training.program_shape import Method, method
from models.training.programs import places_of
from tests.benchmarks.rivals.shape import describe

TOLD = (
    *("optimizer", "momentum", "learning_rate", "schedule", "warmup_epochs", "epochs"),
    *("weight_decay", "label_smoothing", "ema_decay"),
)


@dataclass(frozen=True)
class Problem:
    """A network on the first `train` and `validation` images of the digits. `document` makes it again elsewhere."""

    document: dict[str, Any]

    @classmethod
    def of(
        cls,
        baseline: str,
        padding: str,
        size: tuple[float, float, int],
        recipe: dict[str, Any],
        images: tuple[int, int],
    ) -> "Problem":
        """A baseline at (depth, width, pixels), with a recipe, on so many images of (train, validation)."""
        table = {"extends": baseline, "padding": padding}
        recipe = {"bn_statistics": "published", **recipe}  # what rivals do
        return cls({"baseline": table, "size": size, "recipe": recipe, "images": images, "seed": 0})

    @property
    def seed(self) -> int:
        """Of weights and order."""
        return int(self.document["seed"])

    @cached_property
    def network(self) -> ScaledArchitecture:
        """The network itself."""
        depth, width, pixels = self.document["size"]
        return from_table(self.document["baseline"]).sized(depth, width, pixels, classes=self.dataset.classes)

    @cached_property
    def recipe(self) -> TrainingRecipe:
        """How it is trained."""
        return TrainingRecipe.model_validate(self.document["recipe"])

    @cached_property
    def dataset(self) -> Dataset:
        """Real images, perhaps some of them several times."""
        whole = load("digits")
        train, validation = self.document["images"]
        return Dataset("digits", 10, _first(whole.train, train), _first(whole.validation, validation), whole.test)

    @cached_property
    def method(self) -> Method:
        """Its steps."""
        return method(self.network, self.recipe, self.dataset)

    @property
    def start(self) -> dict[str, NDArray[np.float32]]:
        """The initial weights, by name."""
        places = places_of(self.network)
        return places.named(places.initial(self.seed))

    def shape(self) -> dict[str, Any]:
        """The network as rivals are told."""
        network = self.network
        rows = [(s.repeats, s.kernel, s.stride, s.expansion, s.width) for s in network.stages]
        form = {"padding": network.padding, "epsilon": network.norm_epsilon, "kept": self.recipe.bn_momentum}
        return describe(network.stem, rows, network.head, network.resolution, network.classes, **form)

    def told(self) -> dict[str, Any]:
        """The recipe as rivals are told; what it has besides must be off."""
        return {name: getattr(self.recipe, name) for name in TOLD}

    def write(self, path: Path, *, resized: bool) -> None:
        """Weights, labels and normalised images: ready for the network, or as they are stored."""
        splits = self.dataset.splits[:2]
        pixels = np.concatenate([split.images for split in splits]).astype(np.float32)
        pixels = (pixels - self.dataset.mean) / self.dataset.deviation
        if resized:
            rows, columns = (resize_matrix(side, self.network.resolution) for side in pixels.shape[1:3])
            pixels = np.einsum("ph,bhwc->bpwc", rows, pixels, optimize=True)
            pixels = np.einsum("qw,bpwc->bpqc", columns, pixels, optimize=True)
            pixels = np.repeat(pixels, RGB // pixels.shape[-1], axis=-1)
        labels = np.concatenate([split.labels for split in splits])
        np.savez(path, images=np.ascontiguousarray(pixels, np.float32), labels=labels, **self.start)

    def rows(self, epoch: int) -> list[list[int]]:
        """The training batches of a 0-based epoch."""
        steps = self.method.training
        return self.method.rows(self.seed, epoch)[steps.start : steps.stop].tolist()

    def evaluated(self) -> list[list[int]]:
        """The validation batches, the last one perhaps smaller."""
        steps = self.method.validation
        rows = self.method.rows(self.seed, 0)[steps.start : steps.stop]
        return [row[row >= 0].tolist() for row in rows]


def _first(split: Split, count: int) -> Split:
    rows = np.arange(count) % len(split)
    return Split(split.images[rows], split.labels[rows])
