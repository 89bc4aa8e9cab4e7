"""What a plan says of unequal classes: figures that hide the rare ones, and classes too small to be judged."""

from collections.abc import Iterator
from math import sqrt

from models.data.registry import DatasetInfo
from models.wording import counted, percent
from search.results.chance import NORMAL_95
from search.spec.spec import SearchSpec

UNEQUAL = 3.0  # largest over smallest class: always naming the larger of two is then right on three of four
WIDE = 0.4  # of an interval of a recall: over it, a class that is found half of the time may as well be lost or learnt


def findings(spec: SearchSpec) -> Iterator[tuple[str, str]]:
    """(code, message) of each; none where the counts by class are not known."""
    data = spec.data
    trained = [count for count in data.train_counts if count]
    if trained and max(trained) / min(trained) > UNEQUAL:
        yield from _unequal(spec, trained)
    yield from _blunt(data)


def _unequal(spec: SearchSpec, counts: list[int]) -> Iterator[tuple[str, str]]:
    largest, smallest = max(counts), min(counts)
    known = spec.data.validation_counts
    share = max(known) / sum(known) if sum(known) else largest / sum(counts)
    advice = []
    if spec.metric == "accuracy":
        advice.append(
            f"a network that only ever names the commonest class has an accuracy of {percent(share, 1)}: set metric to "
            "balanced_accuracy or macro_f1, which count rare classes as much as common ones"
        )
    if spec.recipe.class_weights is None and not spec.recipe.balanced_sampling:
        advice.append("recipe.class_weights 'balanced' or recipe.balanced_sampling lets training heed rare classes")
    if advice:
        yield (
            "unequal-classes",
            (
                f"the largest class has {counted(largest, 'training image')}, the smallest {smallest:,} "
                f"({largest / smallest:.1f} to 1); {'; '.join(advice)}"
            ),
        )


def _blunt(data: DatasetInfo) -> Iterator[tuple[str, str]]:
    """Of classes with few validation images nothing can be said; of those without any, nothing at all."""
    counts = data.validation_counts
    small = [count for count in counts if count and _width(count) > WIDE]
    if absent := sum(not count for count in counts):
        yield (
            "classes-without-validation",
            (
                f"{counted(absent, 'class', 'classes')} of {len(counts)} "
                f"{'has' if absent == 1 else 'have'} no validation image: no metric says anything of them; register "
                "the data set with a larger validation split"
            ),
        )
    if small:
        low, high = recall_interval(min(small) / 2, min(small))
        yield (
            "classes-hardly-judged",
            (
                f"{counted(len(small), 'class', 'classes')} of {len(counts)} "
                f"{'has' if len(small) == 1 else 'have'} too few validation images to be judged, the smallest "
                f"{min(small)}: of a recall of 50 % the 95 % interval is {percent(low, 0)} to {percent(high, 0)}"
            ),
        )


def _width(images: int) -> float:
    low, high = recall_interval(images / 2, images)
    return high - low


def recall_interval(right: float, images: int) -> tuple[float, float]:
    """The 95 % interval of a recall, from the images of its class alone (Wilson 1927).

    >>> low, high = recall_interval(3, 6)
    >>> round(low, 3), round(high, 3)
    (0.188, 0.812)
    """
    share, square = right / images, NORMAL_95**2
    middle = (share + square / (2 * images)) / (1 + square / images)
    half = NORMAL_95 / (1 + square / images) * sqrt(share * (1 - share) / images + square / (4 * images**2))
    return max(0.0, middle - half), min(1.0, middle + half)
