"""How a figure is taken: both sides in one run, interleaved, and the median of the rounds' ratios."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of BENCHMARKS.md. `ours` and `other` hold one value a round, in `unit`; smaller is better."""

    name: str
    unit: str
    ours: Sequence[float]
    versus: str = ""
    other: Sequence[float] = ()
    goal: str = ""

    @property
    def ratios(self) -> list[float]:
        """The other side divided by ours, round by round."""
        return [other / ours for ours, other in zip(self.ours, self.other, strict=True)] if self.other else []


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
