"""What a training reports of an epoch, and what it has to show so far."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from models.compiler.reports import Compilation
from models.recipe.recipe import TrainingRecipe
from models.training.class_counts import Metric


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch (1-based). Validation uses the averaged weights; losses in nats, the training one with smoothing.

    `seconds` are those of training and validation without compiling, `compile_seconds` those of compiling, which are
    0 when the program is there already. `images_per_second` counts training images and training time. The figures of
    unequal classes are of validation, see `class_counts`; None in reports of before they were counted.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float
    compile_seconds: float
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    per_class_recall: tuple[float | None, ...] | None = None

    def metrics(self) -> dict[str, Any]:
        """All but the epoch's number. Recalls are left to the result: of a thousand classes they would be long."""
        return {name: value for name, value in asdict(self).items() if name not in ("epoch", "per_class_recall")}


@dataclass(frozen=True, slots=True)
class Standing:
    """One epoch's figures, as far as results name them. Epoch 0 is before the first."""

    epoch: int = 0
    accuracy: float = 0.0
    train_accuracy: float = 0.0
    validation_loss: float = 0.0
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    per_class_recall: tuple[float | None, ...] | None = None

    def value(self, metric: Metric) -> float:
        """Its figure of a metric; of one that was not counted, the accuracy."""
        found: float | None = getattr(self, metric)
        return self.accuracy if found is None else found

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Standing":
        """What a document says; JSON has no tuples."""
        recalls = document.get("per_class_recall")
        return cls(**{**document, "per_class_recall": None if recalls is None else tuple(recalls)})


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
        self,
        report: EpochReport,
        training_seconds: float,
        patience_delta: float,
        compilation: Compilation,
        metric: Metric = "accuracy",
    ) -> "Progress":
        """With one more epoch, and what its program took. The first of equally good epochs is the best one."""
        classes = report.balanced_accuracy, report.macro_f1, report.per_class_recall
        now = Standing(
            report.epoch, report.validation_accuracy, report.train_accuracy, report.validation_loss, *classes
        )
        first = self.last.epoch == 0
        return replace(
            self,
            last=now,
            best=now if first or now.value(metric) > self.best.value(metric) else self.best,
            mark=now if first or now.value(metric) > self.mark.value(metric) + patience_delta else self.mark,
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
        standings = {name: Standing.read(document[name]) for name in ("last", "best", "mark")}
        return cls(**{**document, **standings, "compilation": Compilation(**document["compilation"])})
