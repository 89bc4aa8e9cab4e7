"""Counts of each class of a split, and what follows from them: recall, balanced accuracy, macro F1.

Where one class has 300 images and another 6, a network that never names the second is right on 98 %. These figures say
so. Standard library only: the API reads them without JAX.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Metric = Literal["accuracy", "balanced_accuracy", "macro_f1"]
METRICS: tuple[Metric, ...] = get_args(Metric)
DECIMALS = 9  # a mean of fractions in another order of classes is the same figure


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Of a split, images by class: those named rightly, those named so at all, those that are of the class.

    A class without an image in the split is in no mean: there is nothing of it to find.

    >>> constant = ClassCounts((60, 0), (61, 0), (60, 1))
    >>> constant.recalls, constant.balanced_accuracy, round(constant.macro_f1, 3)
    ((1.0, 0.0), 0.5, 0.496)
    """

    right: Sequence[int]
    named: Sequence[int]
    actual: Sequence[int]

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """By class, the share of its images that are named so; None for a class without images."""
        pairs = zip(self.right, self.actual, strict=True)
        return tuple(right / actual if actual else None for right, actual in pairs)

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have images (Brodersen et al. 2010)."""
        known = [recall for recall in self.recalls if recall is not None]
        return round(sum(known) / len(known), DECIMALS) if known else 0.0

    @property
    def macro_f1(self) -> float:
        """The mean over classes that have images of F1 = 2 right / (named + actual)."""
        rows = zip(self.right, self.named, self.actual, strict=True)
        scores = [2 * right / (named + actual) for right, named, actual in rows if actual]
        return round(sum(scores) / len(scores), DECIMALS) if scores else 0.0


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """What a result or an epoch says of unequal classes; None where it was trained before these were counted."""

    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    per_class_recall: tuple[float | None, ...] | None = None

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "ClassFigures":
        """From JSON with fields of these names."""
        recalls = result.get("per_class_recall")
        return cls(result.get("balanced_accuracy"), result.get("macro_f1"), None if recalls is None else tuple(recalls))
