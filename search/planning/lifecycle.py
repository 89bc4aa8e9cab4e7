"""What a search does next: a pure decision from its spec and the records of its trials."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from search.proposals.window import waits
from search.results import controls, objectives, transfer
from search.results.racing import common_seeds, final_seeds, race, rounds
from search.results.trial_records import TrialRecord
from search.space.controls import of
from search.spec.spec import SearchSpec


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask `search.proposals.study.propose` for this trial number and queue its search run."""

    number: int


@dataclass(frozen=True, slots=True)
class Finals:
    """Mark these trials as finalists and queue these final runs: (trial number, seed). A race asks more than once."""

    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Control:
    """Queue these runs of simple choices: (name of the control, seed)."""

    runs: tuple[tuple[str, int], ...]


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


Step = Propose | Finals | Control | Probe | Wait | Succeed | Fail


def next_step(spec: SearchSpec, feasible: int, trials: Sequence[TrialRecord]) -> Step:
    """The next step of a running search with `feasible` networks; call again once it has been taken.

    Once finalists are marked no more trials are proposed, whatever happens to the budget. A proposal that learns from
    results waits for all of those that count (`search.proposals.window`).
    """
    chosen = [trial for trial in trials if trial.finalist]
    if not chosen:
        unsettled = [trial.number for trial in trials if not trial.is_settled]
        busy = sum(not trial.terminal and not trial.paused for trial in trials)
        spent = sum(trial.device_seconds for trial in trials)
        step = next_proposal(spec, feasible, Progress(len(trials), busy, spent), unsettled)
        if step is not None:
            return step
        if not all(trial.terminal for trial in trials):
            return Wait()
        chosen = finalists(spec, trials)
        if not any(trial.search_accuracy is not None for trial in trials):
            return Fail("no-trial-completed", _nothing_completed(trials))
    return _then_probe(spec, trials, _then_controls(spec, trials, _finals(spec, chosen, trials)))


def next_proposal(
    spec: SearchSpec, feasible: int, progress: Progress, unsettled: Collection[int]
) -> Propose | Wait | None:
    """The next trial of a search before its finals; None when trials, networks or device time are used up.

    `unsettled` are the numbers of the trials whose results are still to come.
    """
    limit, number = spec.max_device_seconds, progress.proposed
    if number >= min(spec.trials, feasible) or (limit is not None and progress.device_seconds >= limit):
        return None
    free = progress.busy < spec.parallelism and not waits(spec, number, unsettled)
    return Propose(number) if free else Wait()


def finalists(spec: SearchSpec, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The completed trials that are trained again, best first; earlier numbers first among equals.

    Best is the search accuracy. With several objectives: by front, then those with the fewest others near them, and of
    equally crowded ones the more accurate.
    """
    completed = [trial for trial in trials if trial.search_accuracy is not None]
    completed.sort(key=lambda trial: (-(trial.search_accuracy or 0.0), trial.number))
    points = [objectives.vector(spec, trial, trial.search_accuracy or 0.0) for trial in completed]
    return [completed[at] for at in objectives.ranked(points)[: spec.finalist_count]]


def planned_runs(spec: SearchSpec, feasible: int) -> tuple[int, int]:
    """(search runs, final runs) at most: when every trial completes, no time runs out and nobody leaves a race."""
    trials = min(spec.trials, feasible)
    return trials, min(spec.finalist_count, trials) * len(final_seeds(spec))


def planned_probes(spec: SearchSpec, feasible: int) -> int:
    """Probe runs of such a search."""
    probe = spec.transfer
    return 0 if probe is None else min(probe.count, spec.trials, feasible) * probe.seeds


def planned_controls(spec: SearchSpec) -> int:
    """Control runs of such a search at most: a control that is a finalist has been trained."""
    networks = {control.identity for control in of(spec) if control.identity is not None}
    return len(networks) * len(final_seeds(spec))


def _has_time(spec: SearchSpec, trials: Sequence[TrialRecord]) -> bool:
    limit = spec.max_device_seconds
    return limit is None or sum(trial.device_seconds for trial in trials) < limit


def _finals(spec: SearchSpec, chosen: Sequence[TrialRecord], trials: Sequence[TrialRecord]) -> Step:
    """The first common seeds whatever the time, further ones while some is left. Failed runs are not repeated."""
    found = race(rounds(spec), chosen)
    if found.missing and (found.seeds == spec.finalists.seeds or _has_time(spec, trials)):
        return Finals(found.missing)
    over = all(run.ended for trial in chosen for run in trial.runs if run.role == "final")
    return Succeed() if over else Wait()


def _then_controls(spec: SearchSpec, trials: Sequence[TrialRecord], step: Step) -> Step:
    """What comes when the finals are over. Control runs that failed are not repeated, as with finals."""
    if not isinstance(step, Succeed):
        return step
    if missing := controls.missing(spec, trials):
        return Control(missing)
    return step if controls.over(trials) else Wait()


def _then_probe(spec: SearchSpec, trials: Sequence[TrialRecord], step: Step) -> Step:
    """What comes when the controls are over. Probe runs that failed are not repeated, as with finals."""
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
    if len(trials) == 1:
        return f"the only trial was not trained to the end ({states}); its message says why"
    return f"none of the {len(trials)} trials was trained to the end ({states}); their messages say why"
