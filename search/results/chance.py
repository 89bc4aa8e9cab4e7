"""Whether a network has learned anything: its accuracy beside that of guessing."""

from math import sqrt

NORMAL_95 = 1.96  # standard deviations on either side of a mean that hold 95 % of a normal distribution


def chance_level(classes: int) -> float:
    """The accuracy of guessing among equally frequent classes.

    >>> chance_level(10)
    0.1
    """
    return 1 / classes


def is_above_chance(accuracy: float, ci95: tuple[float, float] | None, *, classes: int, images: int) -> bool:
    """Whether an accuracy is above guessing at 95 %, by its interval over seeds.

    A single training has no such interval: it must be above what guessing reaches by luck on so many validation
    images (normal approximation of the binomial distribution).

    >>> is_above_chance(0.5, None, classes=10, images=360), is_above_chance(0.12, None, classes=10, images=360)
    (True, False)
    >>> is_above_chance(0.3, (0.05, 0.55), classes=10, images=360)
    False
    """
    chance = chance_level(classes)
    if ci95 is not None:
        return ci95[0] > chance
    return accuracy > chance + NORMAL_95 * sqrt(chance * (1 - chance) / images)
