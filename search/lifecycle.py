"""What a search does next: a pure decision from its spec and the records of its trials."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from search import objectives, transfer
from search.results import TERMINAL, TrialRecord
from search.spec import SearchSpec
from search.window import waits

SEEDS = 2**31  # seeds are 31-bit: a signed 32-bit column holds them


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask `search.study.propose` for this trial number and queue its search run."""

    number: int


@dataclass(frozen=True, slots=True)
class Finals:
    """Mark these trials as finalists and queue these final runs: (trial number, seed)."""

    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """Build these finalists at `spec.transfer.phi` and queue these probe runs: (finalist's trial number, seed)."""

    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before a run ends."""


@dataclass(frozen=True, slots=True)
class Succeed:
    """The search is over and has a winner."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The search is over without one. `reason` is a machine word, `message` for a person."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Trials proposed, numbered from 0; those neither over nor paused; training time of all in seconds."""

    proposed: int
    busy: int
    device_seconds: float


Step = Propose | Finals | Probe | Wait | Succeed | Fail


def next_step(spec: SearchSpec, feasible: int, trials: Sequence[TrialRecord]) -> Step:
    """The next step of a running search with `feasible` networks; call again once it has been taken.

    Once finalists are marked no more trials are proposed, whatever happens to the budget. A proposal that learns from
    results waits for all of those that count (`search.window`).
    """
    chosen = [trial for trial in trials if trial.finalist]
    if not chosen:
        unsettled = [trial.number for trial in trials if not trial.terminal]
        busy = sum(not trial.terminal and not trial.paused for trial in trials)
        spent = sum(trial.device_seconds for trial in trials)
        step = next_proposal(spec, feasible, Progress(len(trials), busy, spent), unsettled)
        if step is not None:
            return step
        if unsettled:
            return Wait()
        chosen = finalists(spec, trials)
        if not any(trial.search_accuracy is not None for trial in trials):
            return Fail("no-trial-completed", _nothing_completed(trials))
    return _then_probe(spec, trials, _finals(spec, chosen))


def next_proposal(
    spec: SearchSpec, feasible: int, progress: Progress, unsettled: Collection[int]
) -> Propose | Wait | None:
    """The next trial of a search before its finals; None when trials, networks or device time are used up.

    `unsettled` are the numbers of the trials whose states can still change.
    """
    limit, number = spec.max_device_seconds, progress.proposed
    if number >= min(spec.trials, feasible) or (limit is not None and progress.device_seconds >= limit):
        return None
    free = progress.busy < spec.parallelism and not waits(spec, number, unsettled)
    return Propose(number) if free else Wait()


def finalists(spec: SearchSpec, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The completed trials that are trained again, best first; earlier numbers first among equals.

    Best is the search accuracy. With several objectives: by front, then those with the fewest others near them, and of
    equally lonely ones the more accurate.
    """
    completed = [trial for trial in trials if trial.search_accuracy is not None]
    completed.sort(key=lambda trial: (-(trial.search_accuracy or 0.0), trial.number))
    points = [objectives.vector(spec, trial, trial.search_accuracy or 0.0) for trial in completed]
    return [completed[at] for at in objectives.ranked(points)[: spec.finalists.count]]


def final_seeds(spec: SearchSpec) -> tuple[int, ...]:
    """The seeds that all finalists are trained on. The search's own seed is not among them: it chose the finalists."""
    return common_seeds(spec, spec.finalists.seeds)


def common_seeds(spec: SearchSpec, count: int) -> tuple[int, ...]:
    """The first `count` seeds behind the search's own."""
    return tuple((spec.seed + step) % SEEDS for step in range(1, count + 1))


def planned_runs(spec: SearchSpec, feasible: int) -> tuple[int, int]:
    """(search runs, final runs) of a search in which every trial completes and no time runs out."""
    trials = min(spec.trials, feasible)
    return trials, min(spec.finalists.count, trials) * spec.finalists.seeds


def planned_probes(spec: SearchSpec, feasible: int) -> int:
    """Probe runs of such a search."""
    probe = spec.transfer
    return 0 if probe is None else min(probe.count, spec.trials, feasible) * probe.seeds


def _finals(spec: SearchSpec, chosen: Sequence[TrialRecord]) -> Step:
    """Final runs that failed are not repeated: the finalist counts with those it has."""
    missing: list[tuple[int, int]] = []
    for trial in sorted(chosen, key=lambda trial: trial.number):
        begun = {run.seed for run in trial.runs if run.role == "final"}
        missing += [(trial.number, seed) for seed in final_seeds(spec) if seed not in begun]
    if missing:
        return Finals(tuple(missing))
    over = all(run.state in TERMINAL for trial in chosen for run in trial.runs if run.role == "final")
    return Succeed() if over else Wait()


def _then_probe(spec: SearchSpec, trials: Sequence[TrialRecord], step: Step) -> Step:
    """What comes when the finals are over. Probe runs that failed are not repeated, as with finals."""
    if spec.transfer is None or not isinstance(step, Succeed):
        return step
    if missing := transfer.missing(spec, trials, common_seeds(spec, spec.transfer.seeds)):
        return Probe(missing)
    return step if transfer.over(trials) else Wait()


def _nothing_completed(trials: Sequence[TrialRecord]) -> str:
    if not trials:
        return "no trial was begun: the device time was spent or no network is feasible"
    counts = Counter(trial.state for trial in trials)
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    return f"none of the {len(trials)} trials was trained to the end ({states}); their messages say why"
