"""How fast trainings go: learned from those that have finished, or guessed where there are none."""

import statistics as stdlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

BACKWARD = 3  # a training step is a forward pass and a backward pass of twice its multiply-adds
# Multiply-adds a second of training on two CPU cores. Measured: efficientnet-nano's candidates (3.6 M forward) train
# an epoch of 1,079 images in 0.97 to 1.5 s of CPU time, on two idle or on two busy cores.
MACS_PER_SECOND = {"low": 1.6e10, "estimate": 1.0e10, "high": 5e9}
COMPILE_SECONDS = {"low": 0.2, "estimate": 7.0, "high": 20.0}  # cached; a small candidate; B0, each on two cores
ENOUGH = 3  # trainings: of fewer, the middle one is one machine's luck
SIMILAR = 4.0  # times: small networks get less out of a device, so that those of about the same size are asked first
TAIL = 0.1  # low and high leave out one training in ten on either side: a machine that was busy with something else
MARGIN = 1.25  # low and high are at least so far from the estimate: other networks are planned than those measured


@dataclass(frozen=True, slots=True)
class Timing:
    """A finished training: its device, its network's multiply-adds (forward, one image), training images seen in all
    epochs, seconds on the device without compiling, and seconds a program took to compile (None: none was compiled).
    """

    device: str
    macs: int
    images: int
    seconds: float
    compile_seconds: float | None = None

    @property
    def macs_per_second(self) -> float:
        """Multiply-adds of training a second; evaluations are in the seconds, so they need no counting."""
        return self.images * self.macs * BACKWARD / self.seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """Multiply-adds of training a second and seconds to compile a program, for a low, a likely and a high time.

    `speed` and `compiling` say in words what they rest on; `measured` counts the trainings behind them.
    """

    macs_per_second: Mapping[str, float]
    compile_seconds: Mapping[str, float]
    measured: int
    speed: str
    compiling: str


def pace(timings: Sequence[Timing], macs: float) -> Pace:
    """The pace for networks of about so many multiply-adds. With fewer than `ENOUGH` timings it is a guess."""
    asked = [timing for timing in timings if timing.images * timing.macs > 0 and timing.seconds > 0]
    similar = [timing for timing in asked if macs / SIMILAR <= timing.macs <= macs * SIMILAR]
    found = similar if len(similar) >= ENOUGH else asked
    if len(found) < ENOUGH:
        return Pace(MACS_PER_SECOND, COMPILE_SECONDS, 0, _guessed(), f"{COMPILE_SECONDS['estimate']:g} s")
    speeds = spread(timing.macs_per_second for timing in found)
    faster = {"low": speeds["high"], "estimate": speeds["estimate"], "high": speeds["low"]}  # more a second, less time
    compiled = [seconds for timing in found if (seconds := timing.compile_seconds) is not None]
    enough = len(compiled) >= ENOUGH
    compiling = spread(compiled) if enough else COMPILE_SECONDS
    basis = (
        f"{compiling['estimate']:.3g} s, the middle of {len(compiled):,}"
        if enough
        else f"a guess of {compiling['estimate']:g} s"
    )
    return Pace(faster, compiling, len(found), _measured(found, faster["estimate"], found is similar), basis)


def spread(values: Iterable[float]) -> dict[str, float]:
    """The middle of the values, and what all but the lowest and the highest tenth reach; at least `MARGIN` apart.

    >>> spread([8.0, 10.0, 20.0])
    {'low': 8.0, 'estimate': 10.0, 'high': 18.0}
    """
    ordered = sorted(values)
    middle = stdlib.median(ordered)
    return {
        "low": min(_quantile(ordered, TAIL), middle / MARGIN),
        "estimate": middle,
        "high": max(_quantile(ordered, 1 - TAIL), middle * MARGIN),
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the neighbours, as NumPy's default."""
    at = share * (len(ordered) - 1)
    left = int(at)
    right = min(left + 1, len(ordered) - 1)
    return ordered[left] + (at - left) * (ordered[right] - ordered[left])


def _guessed() -> str:
    speed = MACS_PER_SECOND["estimate"] / 1e9
    return f"{speed:g} G multiply-adds a second, a guess for two CPU cores (accelerators are far faster)"


def _measured(found: Sequence[Timing], speed: float, similar: bool) -> str:
    devices = Counter(timing.device for timing in found).most_common()
    kinds = ", ".join(f"{count:,} on {device}" for device, count in devices)
    sizes = stdlib.median(timing.macs for timing in found)
    other = "" if similar else f", all of networks of another size, {sizes / 1e6:,.3g} M"
    return f"{speed / 1e9:.3g} G multiply-adds a second, the middle of finished trainings: {kinds}{other}"
