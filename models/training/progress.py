"""What a training reports of an epoch, and what it has to show so far."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from models.compiler.reports import Compilation
from models.recipe.recipe import TrainingRecipe


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
class Standing:
    """One epoch's figures, as far as results name them. Epoch 0 is before the first."""

    epoch: int = 0
    accuracy: float = 0.0
    train_accuracy: float = 0.0
    validation_loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What a training has to show so far; it travels in the checkpoint.

    `mark` is the epoch whose accuracy the following ones must exceed by `patience_delta` to count as better.
    """

    last: Standing = Standing()
    best: Standing = Standing()
    mark: Standing = Standing()
    device_seconds: float = 0.0
    training_seconds: float = 0.0
    compilation: Compilation = field(default_factory=Compilation)

    def after(
        self, report: EpochReport, training_seconds: float, patience_delta: float, compilation: Compilation
    ) -> "Progress":
        """With one more epoch, and what its program took. The first of equally good epochs is the best one."""
        now = Standing(report.epoch, report.validation_accuracy, report.train_accuracy, report.validation_loss)
        first = self.last.epoch == 0
        return replace(
            self,
            last=now,
            best=now if first or now.accuracy > self.best.accuracy else self.best,
            mark=now if first or now.accuracy > self.mark.accuracy + patience_delta else self.mark,
            device_seconds=self.device_seconds + report.seconds,
            training_seconds=self.training_seconds + training_seconds,
            compilation=self.compilation + compilation,
        )

    def stopped_early(self, recipe: TrainingRecipe) -> bool:
        """Whether patience ended, before the epochs did."""
        waited = self.last.epoch - self.mark.epoch
        return 0 < recipe.patience <= waited and self.last.epoch < recipe.epochs

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Progress":
        """What `document` said."""
        standings = {name: Standing(**document[name]) for name in ("last", "best", "mark")}
        return cls(**{**document, **standings, "compilation": Compilation(**document["compilation"])})
