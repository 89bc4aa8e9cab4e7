"""Whether a network has learned anything: its figure of a metric beside that of one that has not, and its step."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from models.data.registry import DatasetInfo
from models.training.class_counts import Metric
from models.wording import percent

NORMAL_95 = 1.96  # standard deviations on either side of a mean that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Chance:
    """What a network reaches that has learned nothing, as a fraction, and the images that its luck is counted by.

    `quantum` is the smallest difference that one image of the split makes;
    `constant` says that it is by always naming the commonest class.
    """

    level: float
    images: float
    quantum: float
    constant: bool = False

    @property
    def sentence(self) -> str:
        """What a network reaches that has learned nothing, as a part of a sentence."""
        what = "the commonest class alone" if self.constant else "guessing"
        return f"is not surely above {what}, which reaches {percent(self.level, 1)}"

    def surpassed(self, value: float) -> bool:
        """Whether a figure is more than luck makes of it at 95 %, by the normal approximation of the binomial."""
        return value > self.level + NORMAL_95 * sqrt(self.level * (1 - self.level) / self.images)


def chance(metric: Metric, data: DatasetInfo) -> Chance:
    """Of a metric on the validation split of a data set.

    Accuracy: always naming the commonest class. Balanced accuracy: 1 / classes, whatever is named blindly; its luck is
    that of each class's own images, so that a class of few images makes it large. Macro F1: the commonest class alone
    scores 2 s / (1 + s) for its share s of the images, and the others 0. Where the counts by class are not known they
    are taken for equal.

    >>> from dataclasses import replace
    >>> from models.data.registry import DIGITS
    >>> rare = replace(DIGITS, classes=2, validation=61, validation_counts=(60, 1))
    >>> [round(chance(metric, rare).level, 3) for metric in ("accuracy", "balanced_accuracy", "macro_f1")]
    [0.984, 0.5, 0.496]
    >>> chance("balanced_accuracy", rare).quantum
    0.5
    """
    counts = present(data)
    if not counts:  # equal ones, which need not be whole numbers
        return Chance(chance_level(data.classes), max(1, data.validation), 1 / max(1, data.validation))
    images, classes = sum(counts), len(counts)
    share = max(counts) / images
    if metric == "accuracy":
        return Chance(share, images, 1 / images, constant=True)
    effective = classes**2 / sum(1 / count for count in counts)
    if metric == "balanced_accuracy":
        return Chance(1 / classes, effective, 1 / (classes * min(counts)))
    return Chance(2 * share / (1 + share) / classes, effective, 1 / (classes * min(counts)), constant=True)


def present(data: DatasetInfo) -> Sequence[int]:
    """Images of each class that has any in the validation split; empty where that is not known."""
    return [count for count in data.validation_counts if count]


def chance_level(classes: int) -> float:
    """The accuracy of guessing among equally frequent classes.

    >>> chance_level(10)
    0.1
    """
    return 1 / classes


def is_above_chance(accuracy: float, *, classes: int, images: int, known: Chance | None = None) -> bool:
    """Whether an accuracy, or a mean of several, is more than guessing reaches by luck on so many images, at 95 %.

    With `known` it is a figure of that metric, on that data; without, an accuracy among equally frequent classes.

    A mean over seeds is measured on more images than one training: for it this asks for more than it would have to. The
    interval over seeds says something else, how much trainings differ; of two seeds it may reach below guessing where
    both have learned.

    >>> is_above_chance(0.5, classes=10, images=360), is_above_chance(0.12, classes=10, images=360)
    (True, False)
    """
    level = chance_level(classes)
    return (Chance(level, images, 1 / images) if known is None else known).surpassed(accuracy)
