"""How a figure is taken: both sides in one run, interleaved, and the median of the rounds' ratios."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: rounds a figure, rounds of whole searches (minutes each), and resolutions in pixels."""

    rounds: int = ROUNDS
    searches: int = 1
    trials: int = 24
    px: tuple[int, ...] = (64, 32, 128, 224)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of BENCHMARKS.md. `ours` and `other` hold one value a round, in `unit`; smaller is better.

    A goal is `least`, of the ratio's median, or `most`, of ours; `goal` says it in other words, or one that only a
    reader can judge. `point` is where on its section's plot the ratio stands, `note` what else is to be known.
    """

    name: str
    unit: str
    ours: Sequence[float]
    versus: str = ""
    other: Sequence[float] = ()
    goal: str = ""
    least: float | None = None
    most: float | None = None
    point: str = ""
    note: str = ""
    compared: bool = True  # whether to divide one by the other

    @property
    def ratios(self) -> list[float]:
        """The other side divided by ours, round by round."""
        return (
            [other / ours for ours, other in zip(self.ours, self.other, strict=True)]
            if self.other and self.compared
            else []
        )

    @property
    def aim(self) -> str:
        """The goal in words."""
        if self.goal:
            return self.goal
        if self.least is not None:
            return f"at least {self.least:g} x"
        return "" if self.most is None else f"at most {self.most:g} {self.unit}"

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none that a number decides."""
        if self.least is not None:
            return statistics.median(self.ratios) >= self.least
        return None if self.most is None else statistics.median(self.ours) <= self.most


@dataclass(frozen=True, slots=True)
class Skipped:
    """A figure that could not be taken on this machine, and why."""

    name: str
    reason: str


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(
    ours: Callable[[], object], other: Callable[[], object], rounds: int = ROUNDS
) -> tuple[list[float], list[float]]:
    """Seconds of both sides, A B A B, after one call of each that is not counted."""
    ours(), other()
    pairs = [(seconds(ours), seconds(other)) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def spread(values: Sequence[float], digits: int = 3) -> str:
    """The median, with the range behind it."""
    low, middle, high = (f"{value:.{digits}g}" for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"
