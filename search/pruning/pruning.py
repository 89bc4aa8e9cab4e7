"""When a training is stopped before its end. Pure, and a matter of trial numbers: who arrived first decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from search.pruning import brackets, held_back
from search.pruning.entrant import Entrant
from search.results import objectives
from search.spec.spec import SearchSpec

KNOWN_COSTS = ("macs", "params", "activations")  # at a rung; what is measured at a training's end is left out there

Decision = Literal["continue", "stop", "hold", "go on", "await"]


def decide(spec: SearchSpec, planned: int, entrants: Mapping[int, Entrant], number: int) -> Decision:
    """What becomes of a trial at the rungs that it has reached: it goes on, is stopped, is held back, or awaits others.

    `entrants` are the trials proposed so far, by number, of the `planned` that there will be. The reference is never
    stopped, and final runs are not asked for.
    """
    trial = entrants[number]
    if trial.reference or trial.goes_on:
        return "continue"
    for rung, epoch in enumerate(brackets.rungs(spec, number)):
        if epoch > trial.epoch:
            break
        found = _at_rung(spec, planned, entrants, trial, rung, epoch)
        if found == "stop":
            return held_back.when_stopped(spec, entrants, number)
        if found != "continue":
            return found
    return "continue"


def settle(
    spec: SearchSpec, planned: int, entrants: Mapping[int, Entrant], waiting: Sequence[int]
) -> dict[int, Decision]:
    """The verdicts on trials that wait, by number; those that go on waiting, or being held back, are left out.

    One that is stopped or held back is over, which may be what another one waits for. One that was held back and is
    trained to the end after all is told `go on`.
    """
    known, found = dict(entrants), dict[int, Decision]()
    while True:
        chosen = held_back.going_on(spec, planned, known)
        changed = dict[int, Decision]()
        for number in (number for number in waiting if found.get(number, "hold") == "hold"):
            each: Decision = "go on" if number in chosen else decide(spec, planned, known, number)
            if each != "await" and not (each == "hold" and known[number].held):
                changed[number] = each
        if not changed:
            return found
        known |= {number: _entrant_after(known[number], each) for number, each in changed.items()}
        found |= changed


def _entrant_after(trial: Entrant, decision: Decision) -> Entrant:
    """A trial that waited, once it has its verdict."""
    goes_on = decision == "go on"
    over = decision in ("stop", "hold")
    return replace(trial, over=over, held=decision == "hold", goes_on=trial.goes_on or goes_on)


def awaited(spec: SearchSpec, planned: int, entrants: Mapping[int, Entrant], number: int) -> str:
    """What a trial waits for, in words; empty when it waits for nothing."""
    trial = entrants[number]
    for rung, epoch in enumerate(brackets.rungs(spec, number)):
        if epoch <= trial.epoch and _at_rung(spec, planned, entrants, trial, rung, epoch) == "await":
            if spec.pruner.name == "curve":
                return f"after epoch {epoch} it waits until trial {number - spec.window} and those before are over"
            last = brackets.cohort(spec, planned, number, rung)[-1]
            groups = brackets.brackets(spec)
            peers = f" of bracket {number % groups}" if groups > 1 else ""
            return f"after epoch {epoch} it waits until trial {last} and those before{peers} have come as far"
    return ""


def _at_rung(
    spec: SearchSpec, planned: int, entrants: Mapping[int, Entrant], trial: Entrant, rung: int, epoch: int
) -> Decision:
    missing = _missing(spec, planned, entrants, trial, rung, epoch)
    if spec.pruner.name == "curve":
        return _by_curve(spec, entrants, trial, epoch, waits=bool(missing))
    value = trial.accuracy_at(epoch)
    if value is None:  # not reported, though later epochs were: nothing to judge by
        return "continue"
    among = brackets.cohort(spec, planned, trial.number, rung)
    judged = [
        entrants[number] for number in among if number in entrants and entrants[number].accuracy_at(epoch) is not None
    ]
    if _costs(spec):
        return "await" if missing else _by_rank(spec, judged, trial, epoch)
    better = _better(judged, trial, epoch, value)
    still = range(len(missing) + 1)  # how many of the missing will be judged, too
    if all(better + more < brackets.passing(spec, len(judged) + more) for more in still):
        return "continue"
    if all(better >= brackets.passing(spec, len(judged) + more) for more in still):
        return "stop"
    return "await"


def _missing(
    spec: SearchSpec, planned: int, entrants: Mapping[int, Entrant], trial: Entrant, rung: int, epoch: int
) -> list[int]:
    if spec.pruner.name == "curve":
        before = range(max(0, trial.number - spec.window + 1))
        return [number for number in before if not entrants[number].over]
    among = brackets.cohort(spec, planned, trial.number, rung)
    return [number for number in among if number not in entrants or not entrants[number].arrived(epoch)]


def _better(judged: Sequence[Entrant], trial: Entrant, epoch: int, value: float) -> int:
    """How many stand before a trial: by accuracy, of equal ones the earlier numbers first."""
    place = (-value, trial.number)
    return sum((-(other.accuracy_at(epoch) or 0.0), other.number) < place for other in judged)


def _by_rank(spec: SearchSpec, judged: Sequence[Entrant], trial: Entrant, epoch: int) -> Decision:
    """Whether a trial is among those that pass, by non-dominated front and then by crowding distance."""
    points = [_point(spec, other, other.accuracy_at(epoch) or 0.0) for other in judged]
    passing = objectives.ranked(points)[: brackets.passing(spec, len(judged))]
    return "continue" if trial.number in {judged[at].number for at in passing} else "stop"


def _costs(spec: SearchSpec) -> list[str]:
    return [name for name in spec.objectives[1:] if name in KNOWN_COSTS]


def _point(spec: SearchSpec, trial: Entrant, accuracy: float) -> objectives.Point:
    """A trial as `objectives` has it: larger is better in each place."""
    return accuracy, *(-trial.costs[name] for name in _costs(spec))


def _by_curve(
    spec: SearchSpec, entrants: Mapping[int, Entrant], trial: Entrant, epoch: int, *, waits: bool
) -> Decision:
    """Whether the best end that can be expected is below the best of the trials up to number - window."""
    from search.pruning import extrapolation  # NumPy: the API answers before it is there

    curve = _curve(trial, epoch)
    if len(curve) < extrapolation.LEAST_EPOCHS:
        return "continue"
    if waits:
        return "await"
    before = (entrants[number] for number in range(max(0, trial.number - spec.window + 1)))
    finished = [other for other in before if other.last is not None]
    bound = extrapolation.upper_bound(curve, [_curve(other) for other in finished], spec.recipe.epochs)
    hoped = _point(spec, trial, bound)
    ends = [_point(spec, other, other.last) for other in finished if other.last is not None]
    return "stop" if any(_beats(end, hoped) for end in ends) else "continue"


def _beats(one: objectives.Point, other: objectives.Point) -> bool:
    """More accurate, and no dearer in anything."""
    return one[0] > other[0] and all(a >= b for a, b in zip(one, other, strict=True))


def _curve(trial: Entrant, until: int | None = None) -> list[float]:
    return [value for epoch, value in sorted(trial.values.items()) if until is None or epoch <= until]
