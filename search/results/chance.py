"""Whether a network has learned anything: its accuracy beside that of guessing."""

from math import sqrt

NORMAL_95 = 1.96  # standard deviations on either side of a mean that hold 95 % of a normal distribution


def chance_level(classes: int) -> float:
    """The accuracy of guessing among equally frequent classes.

    >>> chance_level(10)
    0.1
    """
    return 1 / classes


def is_above_chance(accuracy: float, *, classes: int, images: int) -> bool:
    """Whether an accuracy, or a mean of several, is more than guessing reaches by luck on so many images, at 95 %.

    Normal approximation of the binomial distribution. A mean over seeds is measured on more images than one training:
    for it this asks for more than it would have to. The interval over seeds says something else, how much trainings
    differ; of two seeds it may reach below guessing where both have learned.

    >>> is_above_chance(0.5, classes=10, images=360), is_above_chance(0.12, classes=10, images=360)
    (True, False)
    """
    chance = chance_level(classes)
    return accuracy > chance + NORMAL_95 * sqrt(chance * (1 - chance) / images)
