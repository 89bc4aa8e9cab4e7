"""Which results count for a proposal: those of trials `sampler.window` behind it, whenever they came."""

from collections.abc import Iterable

from search.spec.spec import SearchSpec


def starts(spec: SearchSpec, number: int) -> bool:
    """Whether a trial's proposal uses no results: its sampler never does, or has not seen enough trials to learn from.

    Trials that the spec brings along (`warm_start.trials`) are seen before the first.
    """
    return not spec.sampler.learns or number + len(spec.warm_start.trials) < spec.startup_trials


def waits(spec: SearchSpec, number: int, unsettled: Iterable[int]) -> bool:
    """Whether the proposal of a trial has to wait for one of these trials, by number, whose states can still change."""
    return not starts(spec, number) and min(unsettled, default=number) <= number - spec.window
