"""Whether the sampler of a search will learn anything, and whether its workers will wait for one another."""

from collections.abc import Iterator

from models.wording import counted
from search.planning.notices import Notice, notice
from search.spec import defaults
from search.spec.parts import Sampler
from search.spec.spec import SearchSpec

LEARNING_SHARE = 3  # of the trials one in so many at least is proposed from results, where a remedy is named


def sampling(spec: SearchSpec) -> Iterator[Notice]:
    """What is to be said of who proposes the networks."""
    known = len(spec.warm_start.trials)
    if spec.sampler.learns:
        yield from _learning(spec, known)
        if spec.parallelism > spec.window and spec.trials > max(spec.window, spec.startup_trials):
            yield _waiting(spec)
    if spec.sampler.name in ("nsga2", "nsga3") and len(spec.objectives) == 1:
        yield notice(
            "one-objective",
            f"{spec.sampler.name} is for several objectives; with accuracy alone it is a plain genetic algorithm, and "
            "tpe or gp need fewer trials",
            remedy=("/sampler/name", Sampler().name),
        )
    if known:
        yield notice(
            "known-results",
            f"the sampler learns from {known:,} results that this search did not measure: where their data, recipe or "
            "baseline differ, it starts from a wrong belief. Their networks are not trained again unless enqueued",
        )


def _learning(spec: SearchSpec, known: int) -> Iterator[Notice]:
    """At most one: where both are too large, the second shows once the first has been remedied."""
    name, there = spec.sampler.name, f"there {'is' if spec.trials == 1 else 'are'} {spec.trials:,}"
    if not known and spec.trials <= spec.window:
        yield _random(
            "sampler-learns-nothing",
            f"results count for proposals {counted(spec.window, 'trial')} later (sampler.window), and {there}: {name} "
            "will propose at random; lower the window",
            ("/sampler/window", defaults.window(spec.trials)),
            spec,
        )
    elif spec.trials + known <= spec.startup_trials:
        yield _random(
            "sampler-only-starts",
            f"{counted(spec.startup_trials, 'proposal')} at the start are random (sampler.startup_trials), and "
            f"{there}: {name} will use no result; lower startup_trials",
            ("/sampler/startup_trials", defaults.startup_trials(spec.trials)),
            spec,
        )


def _random(code: str, message: str, remedy: tuple[str, int], spec: SearchSpec) -> Notice:
    """Of one or two trials nothing can be learnt, whatever the spec says."""
    helps = remedy[1] < spec.trials
    return notice(code, message, "warning" if helps else "note", remedy if helps else None)


def _waiting(spec: SearchSpec) -> Notice:
    """More at a time would be proposed from fewer results; the window is enlarged as long as enough are learnt from."""
    most = min(spec.parallelism, spec.trials - max(1, spec.trials // LEARNING_SHARE))
    return notice(
        "parallelism-exceeds-window",
        f"parallelism is {spec.parallelism} and sampler.window {spec.window}: once results count, "
        f"{counted(spec.window, 'search training')} at most run at the same time, and the other workers wait. A larger "
        "window lets them work, and learns later; random, qmc and grid wait for nobody",
        remedy=("/sampler/window", most) if most > spec.window else None,
    )
