"""How much of the accuracies' variance goes with alpha, beta and gamma, over the trials that were trained to the end.

On a cost target the three are bound together: what one takes, another lacks. So no coefficient has an effect of its
own, and the usual measures, which shuffle one and hold the others, describe networks that cannot exist. Here only
networks that were trained count: quadratic models in the logarithms of every subset of the coefficients predict trials
they have not seen, and what a coefficient adds is averaged over all orders of adding it (Shapley; Lindeman, Merenda and
Gold 1980).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import combinations, permutations
from math import log
from typing import TYPE_CHECKING, Any

from models.wording import counted, percent
from search.results.statistics import CONFIDENCE
from search.results.trial_records import TrialRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AXES = ("alpha", "beta", "gamma")
SUBSETS = tuple(subset for size in (1, 2, 3) for subset in combinations(range(3), size))
FEWEST = 10  # trials: two in each fold; of fewer no model of six terms says anything (simulated)
MOST = 400  # trials that are looked at, the latest: twice as many change no share by more than its interval
FOLDS = 5  # each trial is predicted from the other four fifths (Hastie et al. 2009, 7.10)
RESAMPLES = 400  # bootstrap; the ends of a 95 % interval are then the tenth from either side
SHUFFLES = 399  # so that a p-value of 5 % is a whole number of them
SMALLEST_SPREAD = 1e-12  # of logarithms and of squared accuracies: what is below it is rounding
RIDGE = 1.0  # weighs as one trial that says a standardised term does nothing: keeps few trials from saying much


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the variance that goes with a coefficient, and its 95 % interval over which trials there were."""

    share: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Importance:
    """`explained` is the predicted part of the variance of `trials` accuracies; the shares of the three add up to it.

    None where nothing can be said: too few trials, or no more explained than chance would. `most` is the coefficient
    with the largest share, if it is the largest in 95 % of resamples. `message` says in words why.
    """

    trials: int
    explained: float | None
    alpha: Share | None
    beta: Share | None
    gamma: Share | None
    most: str | None
    message: str

    @property
    def conclusion(self) -> str:
        """In a few words.

        >>> importance([]).conclusion
        'which coefficient matters cannot be said'
        """
        if self.most is not None:
            return f"{self.most} matters most"
        return f"which coefficient matters {'' if self.explained is None else 'most '}cannot be said"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self)
        for name in AXES:
            if found[name] is not None:
                found[name]["ci95"] = list(found[name]["ci95"])
        return found


def importance(trials: Sequence[TrialRecord]) -> Importance:
    """Of the trials that were trained to the end, by their search runs, all on one seed; the order does not matter."""
    finished = sorted((trial.number, trial) for trial in trials if trial.search_accuracy is not None)[-MOST:]
    return _importance(tuple(_row(trial) for _, trial in finished))


@lru_cache(maxsize=64)  # asked for at each look at a search that has ended
def _importance(rows: tuple[tuple[float, ...], ...]) -> Importance:
    count = len(rows)
    if count < FEWEST:
        return _nothing(
            count,
            f"{counted(count, 'trial')} {'was' if count == 1 else 'were'} trained to the end, and it takes {FEWEST}",
        )
    import numpy as np  # here: whoever only reads searches needs no arrays

    table = np.array(rows, dtype=np.float64)
    accuracies = table[:, 3]
    if np.ptp(accuracies) == 0:
        return _nothing(count, "all trials have the same accuracy")
    chance = np.random.RandomState(0)  # its numbers are the same in every version of numpy
    shuffled = np.stack([accuracies, *(chance.permutation(accuracies) for _ in range(SHUFFLES))])
    found = _explained(_terms(table[:, :3], SUBSETS[-1]), shuffled, np.ones((1, count)))
    if found[0] <= 0 or (found >= found[0]).mean() > 1 - CONFIDENCE:
        return _nothing(
            count, f"the coefficients explain no more of the accuracies of {count} trials than chance would"
        )
    drawn = [np.bincount(chance.randint(count, size=count), minlength=count) for _ in range(RESAMPLES)]
    weights = np.stack([np.ones(count), *drawn])
    return _from_shares(
        count,
        _shapley(
            {subset: _explained(_terms(table[:, :3], subset), accuracies[None], weights).clip(0) for subset in SUBSETS}
        ),
    )


def _row(trial: TrialRecord) -> tuple[float, ...]:
    at = trial.coefficients
    return log(at.alpha), log(at.beta), log(at.gamma), trial.search_accuracy or 0.0


def _terms(logs: "Floats", subset: tuple[int, ...]) -> "Floats":
    """(trials, terms): the terms of a quadratic in these logarithms, standardised, behind a constant one."""
    import numpy as np

    axes = [_standardised(logs[:, at]) for at in subset]
    terms = [*axes, *(first * second for at, first in enumerate(axes) for second in axes[at:])]
    return np.stack([np.ones(len(logs)), *map(_standardised, terms)], axis=1)


def _standardised(values: "Floats") -> "Floats":
    """Mean 0 and spread 1; zeros for what does not vary."""
    spread = values.std()
    shifted: Floats = values - values.mean()
    return shifted / spread if spread > SMALLEST_SPREAD else shifted * 0


def _explained(terms: "Floats", accuracies: "Floats", weights: "Floats") -> "Floats":
    """(questions,): the part of the weighted variance that is predicted in trials not seen; 0 is what a mean predicts.

    `accuracies` and `weights` are (questions or 1, trials). Copies of a trial (its weight) are never on both sides.
    """
    import numpy as np

    count, width = terms.shape
    products = (terms[:, :, None] * terms[:, None, :]).reshape(count, -1)
    ridge = RIDGE * np.eye(width)
    ridge[0, 0] = SMALLEST_SPREAD  # the constant is not held back
    wrong, by_mean = np.zeros(1), np.zeros(1)
    for fold in range(FOLDS):
        unseen = np.arange(count) % FOLDS == fold
        known = weights * ~unseen
        normal = (known @ products).reshape(-1, width, width) + ridge
        fitted = np.linalg.solve(normal, ((known * accuracies) @ terms)[:, :, None])[:, :, 0]
        mean = (known * accuracies).sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
        truth, weight = accuracies[:, unseen], weights[:, unseen]
        wrong = wrong + (weight * (truth - fitted @ terms[unseen].T) ** 2).sum(axis=1)
        by_mean = by_mean + (weight * (truth - mean) ** 2).sum(axis=1)
    explained: Floats = 1 - wrong / np.maximum(by_mean, SMALLEST_SPREAD)
    return explained


def _shapley(explained: "dict[tuple[int, ...], Floats]") -> "Floats":
    """(3, questions): what each coefficient adds, averaged over the orders; what noise makes negative is 0.

    The shares are brought back to their sum, what all three explain together.
    """
    import numpy as np

    shares = np.zeros((3, len(explained[SUBSETS[-1]])))
    for order in permutations(range(3)):
        before = np.zeros(shares.shape[1])
        for position, at in enumerate(order):
            after = explained[tuple(sorted(order[: position + 1]))]
            shares[at] += (after - before) / 6
            before = after
    shares = shares.clip(0)
    total = explained[SUBSETS[-1]]
    whole = shares.sum(axis=0)
    brought: Floats = shares * np.where(whole > 0, total / np.maximum(whole, SMALLEST_SPREAD), 0)
    return brought


def _from_shares(count: int, shares: "Floats") -> Importance:
    """From the shares of (3, the trials as they are and each resample of them)."""
    import numpy as np

    tail = (1 - CONFIDENCE) / 2
    ends = np.quantile(shares[:, 1:], [tail, 1 - tail], axis=1)
    alpha, beta, gamma = (
        Share(_figure(share), (_figure(low), _figure(high)))
        for share, low, high in zip(shares[:, 0], *ends, strict=True)
    )
    explained = _figure(shares[:, 0].sum())
    first = int(shares[:, 0].argmax())
    most = AXES[first] if (shares[:, 1:].argmax(axis=0) == first).mean() >= CONFIDENCE else None
    parts = ", ".join(
        f"{name} {percent(share.share, 0)}" for name, share in zip(AXES, (alpha, beta, gamma), strict=True)
    )
    message = f"of the variance of {count} trials' accuracies {percent(explained, 0)} is explained ({parts})"
    return Importance(count, explained, alpha, beta, gamma, most, message)


def _figure(value: float) -> float:
    """To four digits: what is beyond them may differ between machines."""
    return round(float(value), 4)


def _nothing(count: int, why: str) -> Importance:
    return Importance(count, None, None, None, None, None, why)
