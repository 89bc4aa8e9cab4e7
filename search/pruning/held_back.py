"""Trials that their rung has stopped, kept until enough others have been trained to the end. Pure, as `pruning` is.

A state that is terminal never changes, so a trial that may still be needed is not pruned yet. While fewer trials than
`finalists.count` have been trained to the end, the best of those that were stopped, as many as that, are held back:
they are leased to nobody, keep their checkpoints, and count as stopped for everybody else. Once enough have completed
they are pruned. If the last trial is over before, the best of them go on to the end, as many as are lacking.

Which those are is decided by what all trials of the search came to, so neither order nor parallelism matters.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from search.pruning.entrant import Entrant
from search.spec.spec import SearchSpec

HELD = "held-back"  # the reason of a trial that is held back
GOES_ON = "goes-on"  # that of one that was, and is trained to the end

Decision = Literal["continue", "stop", "hold"]


def when_stopped(spec: SearchSpec, entrants: Mapping[int, Entrant], number: int) -> Decision:
    """Whether a trial that its rung stops is stopped for good or held back, with `entrants` as they are now."""
    if _lacking(spec, entrants.values()) == 0:
        return "stop"
    held = {one.number for one in entrants.values() if one.held} | {number}
    best = sorted((entrants[one] for one in held), key=_place)[: spec.finalist_count]
    return "hold" if entrants[number] in best else "stop"


def going_on(spec: SearchSpec, planned: int, entrants: Mapping[int, Entrant]) -> frozenset[int]:
    """The numbers of the trials held back that go on now: none while any of the `planned` may still complete."""
    if len(entrants) < planned or not all(one.over or one.goes_on for one in entrants.values()):
        return frozenset()
    under_way = sum(one.goes_on and not one.over for one in entrants.values())
    lacking = max(0, _lacking(spec, entrants.values()) - under_way)
    held = sorted((one for one in entrants.values() if one.held), key=_place)
    return frozenset(one.number for one in held[:lacking])


def _lacking(spec: SearchSpec, entrants: Iterable[Entrant]) -> int:
    """How many trials more have to be trained to the end."""
    return max(0, spec.finalist_count - sum(one.last is not None for one in entrants))


def _place(trial: Entrant) -> tuple[int, float, int]:
    """Best first: by the rung that stopped it, then by its accuracy there; of equal ones the earlier number.

    Costs do not count, also where they are objectives: how crowded a front is depends on who else is in it, so that the
    order in which trials were stopped would decide.
    """
    return -trial.epoch, -(trial.accuracy_at(trial.epoch) or 0.0), trial.number
