"""How accurate a training will end, told from its first epochs by a law that saturates.

The law is accuracy(epoch) = a - b * epoch ** -c with b >= 0: the three-parameter power law of Domhan et al. 2015
(IJCAI), the simplest of the eleven that they mix. For each exponent of a grid a and b are linear least squares, so the
fit has one answer, needs no starting point, and is the same on every machine up to rounding.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_EPOCHS = 4  # three unknowns, and one epoch to see by how much the law misses
SURE = 3.0  # standard deviations of the residuals, as in search.results.diagnosis: 1 in 370 by chance
SHARE = 0.95  # of the errors made so far that the margin covers; fewer than 20 errors: all of them
# From a curve that still climbs at the end (log-like) to one that is flat after two epochs
EXPONENTS = tuple(np.geomspace(0.1, 3.0, 30).tolist())

Values = NDArray[np.float64]


def upper_bound(curve: Sequence[float], finished: Sequence[Sequence[float]], epochs: int) -> float:
    """The highest accuracy that a training can be expected to have after `epochs` epochs; at most 1.

    `curve` holds its accuracies from epoch 1 on, at least `LEAST_EPOCHS` of them, `finished` those of trainings that
    are over. The law's prediction is raised by what is larger: three standard deviations of its residuals, or the
    error that it made of those trainings from as many epochs, at its 95 % quantile.

    >>> round(upper_bound([0.4, 0.55, 0.6, 0.625, 0.64], [], 100), 2)
    0.7
    """
    seen = len(curve)
    prediction, spread = _predict(np.array([curve], dtype=np.float64), epochs)
    margin = SURE * float(spread[0])
    known = [other for other in finished if len(other) > seen]
    if known:
        foretold, _ = _predict(np.array([other[:seen] for other in known], dtype=np.float64), epochs)
        errors = np.array([other[-1] for other in known]) - foretold
        margin = max(margin, float(np.quantile(errors, SHARE, method="higher")))
    return min(1.0, float(prediction[0]) + margin)


def _predict(curves: Values, epochs: int) -> tuple[Values, Values]:
    """(trainings, epochs seen) -> (trainings,) predicted last accuracies, and standard deviations of the residuals."""
    count, seen = curves.shape
    steps = np.arange(1, seen + 1, dtype=np.float64)
    least, predictions = np.full(count, np.inf), np.zeros(count)
    means = curves.mean(axis=1)
    for exponent in EXPONENTS:
        falling = steps**-exponent
        centred = falling - falling.mean()
        slopes = np.minimum(0.0, (curves - means[:, None]) @ centred / (centred @ centred))  # -b
        residuals = curves - means[:, None] - slopes[:, None] * centred
        squares = (residuals**2).sum(axis=1)
        better = squares < least
        least = np.where(better, squares, least)
        ends = means + slopes * (float(epochs) ** -exponent - falling.mean())
        predictions = np.where(better, ends, predictions)
    return np.clip(predictions, 0.0, 1.0), np.sqrt(least / (seen - 3))
