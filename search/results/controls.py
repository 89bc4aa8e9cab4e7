"""How the answer of a search compares with simple choices, trained on the same seeds as the finalists.

All comparisons are shown together, so all of their intervals hold together with 95 %: half of the error is for the
unscaled baseline, because whether to scale at all is the first question, the rest is divided among the others
(Bonferroni, weighted). The network compared was chosen among those that tie: as with `statistics.chosen_interval`, each
tail is divided by their number, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from search.results import leaderboard
from search.results.racing import rounds
from search.results.statistics import CONFIDENCE, Difference, paired_difference
from search.results.trial_records import RunRecord, TrialRecord
from search.space import controls as choices
from search.space.controls import Control
from search.spec.parts import ControlName
from search.spec.spec import SearchSpec

BASELINE_SHARE = 0.5  # of the error, for the comparison with the unscaled baseline


@dataclass(frozen=True, slots=True)
class Compared:
    """A control, the trial that is its network, and what the chosen network gains over it.

    `same_as` is the number of a trial of the search whose network it is. `difference` is the chosen network minus this
    one, in fractions of accuracy, over the seeds that both have; None where one of them has none, or it is the same.
    """

    control: Control
    trial: TrialRecord | None = None
    same_as: int | None = None
    difference: Difference | None = None

    @property
    def state(self) -> str:
        """`infeasible` where no network can be built, `queued` before it was begun, else as of its trainings."""
        if self.control.network is None:
            return "infeasible"
        if self.trial is None:
            return "queued"
        runs = _runs(self.trial)
        if not runs:
            return "queued"
        if any(not run.ended for run in runs):
            return "running"
        return "completed" if any(run.finished for run in runs) else runs[-1].state


def trial_of(control: Control, trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The trial of a control's network; None before it was begun."""
    identity = control.identity
    return next((trial for trial in trials if identity is not None and trial.identity == identity), None)


def by_seed(trial: TrialRecord) -> dict[int, float]:
    """Accuracies on the common seeds, by seed: final runs and those as a control."""
    return {run.seed: run.accuracy for run in _runs(trial) if run.finished and run.accuracy is not None}


def missing(spec: SearchSpec, trials: Sequence[TrialRecord]) -> tuple[tuple[str, int], ...]:
    """(name of a control, seed) of the runs still to be queued: those of the winner's seeds that it has not got.

    A control that is a finalist has its finals; controls of one network share its runs. None is begun once the device
    time has been spent.
    """
    wanted = choices.of(spec)
    if not wanted:
        return ()
    seeds = sorted(run.seed for run in leaderboard.winner(trials).finals)
    begun = any(run.role == "control" for trial in trials for run in trial.runs)
    spent = sum(trial.device_seconds for trial in trials)
    if not begun and spec.max_device_seconds is not None and spent >= spec.max_device_seconds:
        return ()
    asked: dict[object, tuple[tuple[str, int], ...]] = {}
    for control in wanted:
        if control.identity is None or control.identity in asked:
            continue
        trial = trial_of(control, trials)
        has = set() if trial is None else {run.seed for run in _runs(trial)}
        asked[control.identity] = tuple((control.name, seed) for seed in seeds if seed not in has)
    return tuple(pair for pairs in asked.values() for pair in pairs)


def over(trials: Sequence[TrialRecord]) -> bool:
    """Whether all runs of controls that were begun have ended."""
    return all(run.ended for trial in trials for run in trial.runs if run.role == "control")


def compare(
    spec: SearchSpec, trials: Sequence[TrialRecord], chosen: TrialRecord | None, candidates: int
) -> tuple[Compared, ...]:
    """Each control beside the chosen network, which was chosen among so many `candidates`."""
    found = [(control, trial_of(control, trials)) for control in choices.of(spec)]
    levels = error_levels([control.name for control, trial in found if trial not in (None, chosen)], candidates)
    rows, quantum = [], rounds(spec).quantum
    for control, trial in found:
        ranked = trial is not None and leaderboard.standing(trial) < leaderboard.PROBE
        difference = None
        if trial is not None and chosen is not None and trial is not chosen:
            difference = paired_difference(
                by_seed(chosen),
                by_seed(trial),
                quantum=quantum,
                confidence=1 - levels[control.name],
            )
        rows.append(Compared(control, trial, trial.number if trial is not None and ranked else None, difference))
    return tuple(rows)


def error_levels(names: Sequence[ControlName], candidates: int = 1) -> dict[ControlName, float]:
    """The probability with which each comparison may err, so that all of them together err with 5 % at most.

    >>> levels = error_levels(("baseline", "depth", "width", "resolution", "equal", "paper"))
    >>> round(levels["baseline"], 6), round(levels["depth"], 6)
    (0.025, 0.005)
    >>> round(error_levels(("baseline",), candidates=4)["baseline"], 6)
    0.025
    """
    whole = (1 - CONFIDENCE) * min(1.0, 2 / max(1, candidates))
    others = [name for name in names if name != "baseline"]
    first = BASELINE_SHARE if others else 1.0
    rest = 1 - BASELINE_SHARE if "baseline" in names else 1.0
    return {name: whole * (first if name == "baseline" else rest / len(others)) for name in names}


def mean(trial: TrialRecord | None) -> float | None:
    """The mean accuracy over the common seeds."""
    values = [] if trial is None else list(by_seed(trial).values())
    return sum(values) / len(values) if values else None


def _runs(trial: TrialRecord) -> list[RunRecord]:
    return [run for run in trial.runs if run.role in ("final", "control")]
