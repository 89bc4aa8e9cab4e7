"""The front of a search: the networks that none beats in all of its objectives, and how much they cover."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.results.objectives import Point, front, hypervolume, knee
from search.spec.parts import Objective
from search.spec.spec import SearchSpec

IDEAL_ACCURACY = 1.0  # a fraction
Range = tuple[float, float]  # of a value to be high: the worst that counts, and the best there can be


@dataclass(frozen=True, slots=True)
class Front:
    """Trial numbers in number order; what of the box between `reference` and the ideal they cover, in [0, 1].

    `knee` is the best compromise (`search.results.objectives.knee`). `reference` is by objective, costs as they are.
    """

    trials: tuple[int, ...]
    knee: int | None
    hypervolume: float
    reference: Mapping[str, float]

    def sentence(self, objectives: Sequence[str]) -> str:
        """What it says, for people.

        >>> Front((3, 5, 8), 5, 0.5, {}).sentence(["accuracy", "macs"])
        'In accuracy and macs no network beats any of 3; the best compromise among them is trial 5.'
        """
        names = f"{', '.join(objectives[:-1])} and {objectives[-1]}"
        if len(self.trials) == 1:
            return f"In {names} trial {self.trials[0]} is beaten by none and beats all others."
        middle = (
            "none of them is a compromise that pays"
            if self.knee is None
            else f"the best compromise among them is trial {self.knee}"
        )
        return f"In {names} no network beats any of {len(self.trials)}; {middle}."

    def document(self) -> dict[str, object]:
        """JSON values."""
        return {
            "hypervolume": round(self.hypervolume, 6),
            "reference": dict(self.reference),
            "knee": self.knee,
            "trials": list(self.trials),
        }


def front_of(spec: SearchSpec, feasible: Mapping[str, Sequence[float]], points: Mapping[int, Point]) -> Front:
    """The front of completed trials, each a point by its number (`search.results.objectives.vector`).

    `feasible` gives the least and the greatest cost of the feasible networks by objective: the box reaches from the
    dearest to the cheapest of them, and from accuracy 0 to 1. Of what is measured nobody knows it before: there the box
    reaches from the dearest trial to 0. A value in `spec.reference` takes the place of the dearest.
    """
    numbers = sorted(points)
    values = [points[number] for number in numbers]
    best = front(values)
    middle = knee([values[at] for at in best])
    ranges = [
        _range(spec, name, feasible.get(name), [value[place] for value in values])
        for place, name in enumerate(spec.objectives)
    ]
    shares = [tuple(_share(value, ends) for value, ends in zip(values[at], ranges, strict=True)) for at in best]
    return Front(
        trials=tuple(numbers[at] for at in best),
        knee=None if middle is None else numbers[best[middle]],
        hypervolume=hypervolume(shares, (0.0,) * len(ranges)),
        reference={name: abs(worst) for name, (worst, _) in zip(spec.objectives, ranges, strict=True)},
    )


def _range(spec: SearchSpec, name: Objective, feasible: Sequence[float] | None, values: Sequence[float]) -> Range:
    given = (spec.reference or {}).get(name)
    if name == "accuracy":
        return given or 0.0, IDEAL_ACCURACY
    cheapest, dearest = feasible or (0.0, -min(filter(math.isfinite, values), default=0.0))
    return -(dearest if given is None else given), -cheapest


def _share(value: float, ends: Range) -> float:
    """How far from the worst (0) to the best (1). Where all cost the same, whoever costs no more has it all."""
    worst, best = ends
    if best <= worst:
        return 1.0 if value >= worst else 0.0
    return max(0.0, min(1.0, (value - worst) / (best - worst)))
