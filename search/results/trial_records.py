"""What a trial came to: the records that every decision of this package is made from, and their summary."""

import statistics as stdlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from models.compiler.reports import Compilation
from models.scaling.coefficients import Coefficients
from models.training.measurements import Measured
from search.results.diagnosis import Diagnosis, agree
from search.results.statistics import chosen_interval
from search.space.catalogue import Identity

# A probe is of a network at another phi (search.results.transfer), a control of a simple choice (results.controls)
Role = Literal["search", "final", "probe", "control"]
ASIDE = frozenset({"probe", "control"})  # trials that have no other runs are no trials of the search proper

# contract, section 5: a trial or a run in one of these never changes again; in the order they are shown in
ENDS = ("completed", "pruned", "infeasible", "failed", "quarantined", "cancelled", "cached")
TERMINAL = frozenset(ENDS)
FINISHED = frozenset({"completed", "cached"})  # trained to the last epoch, here or (cached) in an earlier search


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One training of a network with one seed. Accuracies are fractions, on the validation split unless named.

    `accuracy` is that of the epoch that the recipe's `selection` chooses, the last or the best; both stand beside it.
    `history` holds one value for each epoch reported, from epoch 1 on.
    """

    seed: int
    role: Role
    state: str
    accuracy: float | None
    test_accuracy: float | None = None
    train_accuracy: float | None = None
    last_accuracy: float | None = None
    best_accuracy: float | None = None
    best_epoch: int | None = None
    epochs: int = 0
    device_seconds: float = 0.0
    compilation: Compilation = field(default_factory=Compilation)
    measured: Measured = field(default_factory=Measured)
    stopped_early: bool = False
    history: tuple[float, ...] = ()
    diagnosis: Diagnosis | None = None

    @property
    def ended(self) -> bool:
        """Whether the run's state is its last."""
        return self.state in TERMINAL

    @property
    def finished(self) -> bool:
        """Trained to the end, with an accuracy."""
        return self.state in FINISHED and self.accuracy is not None

    @property
    def reached(self) -> float | None:
        """The accuracy, also of a run that was pruned and says no more than its last epoch does."""
        if self.accuracy is None and self.history:
            return self.history[-1]
        return self.accuracy

    @property
    def final_accuracy(self) -> float | None:
        """The accuracy after the last epoch that was trained, whichever epoch was selected."""
        if self.last_accuracy is not None:
            return self.last_accuracy
        return self.history[-1] if self.history else self.accuracy


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One distinct network of a search and its runs. `costs` are by name; one that was not measured is left out."""

    number: int
    state: str
    identity: Identity
    coefficients: Coefficients
    reference: bool
    finalist: bool
    runs: tuple[RunRecord, ...]
    costs: Mapping[str, float] = field(default_factory=dict, hash=False)
    leading: bool = False  # a finalist that is still in a race which others have left
    held: bool = False  # stopped at a rung, and not pruned yet: see search.pruning.held_back

    @property
    def terminal(self) -> bool:
        """Whether the trial's state can still change."""
        return self.state in TERMINAL

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come of it for those who learn from results."""
        return self.terminal or self.held

    @property
    def paused(self) -> bool:
        """Whether it waits at a rung for other trials, so that its worker can take another one."""
        return any(run.state == "paused" for run in self.runs)

    @property
    def search_run(self) -> RunRecord | None:
        """The run the trial was selected by; None before it was begun."""
        runs = sorted((run for run in self.runs if run.role == "search"), key=lambda run: run.finished)
        return runs[-1] if runs else None

    @property
    def finals(self) -> tuple[RunRecord, ...]:
        """The finished runs on the common seeds, in seed order."""
        finished = (run for run in self.runs if run.role == "final" and run.finished)
        return tuple(sorted(finished, key=lambda run: run.seed))

    @property
    def search_accuracy(self) -> float | None:
        """Accuracy of the search run when it was trained to the end. Biased upwards for those selected by it."""
        run = self.search_run
        return run.accuracy if run and run.finished and self.state in FINISHED else None

    @property
    def device_seconds(self) -> float:
        """Training time of all its runs."""
        return sum(run.device_seconds for run in self.runs)


def aside_state(runs: Sequence[RunRecord]) -> str:
    """The state of a trial that is a probe or a control alone, from its runs: completed where any of them was."""
    if all(run.state == "queued" for run in runs):
        return "queued"
    if any(run.state not in TERMINAL for run in runs):
        return "running"
    return "completed" if any(run.finished for run in runs) else runs[-1].state


@dataclass(frozen=True, slots=True)
class TrialSummary:
    """What is shown of a trial. `seeds` counts the runs behind `accuracy`; `epochs` is of one run.

    `ci95` is the 95 % interval of the mean over training seeds on the fixed validation split; None on one seed. It
    holds for whichever of the finalists is chosen by its mean.
    `generalization_gap` is training minus validation accuracy, both after the last epoch. `last_accuracy` and
    `best_accuracy` are means too, `best_epoch` is a median. `device_seconds` and `compilation` are sums over all runs,
    `stopped_early` says whether any of those shown ran out of patience. `measured` is of one run, the last that was
    trained to the end: that with the highest seed, of the final ones where there are any.
    """

    accuracy: float | None
    ci95: tuple[float, float] | None
    seeds: int
    train_accuracy: float | None
    generalization_gap: float | None
    last_accuracy: float | None
    best_accuracy: float | None
    best_epoch: int | None
    test_accuracy: float | None
    epochs: int
    device_seconds: float
    compilation: Compilation = field(default_factory=Compilation)
    measured: Measured = field(default_factory=Measured)
    stopped_early: bool = False
    diagnosis: Diagnosis | None = None


def summarise(runs: Sequence[RunRecord], *, compared: int = 1, quantum: float = 0.0) -> TrialSummary:
    """The final runs alone where one has finished (the search run was selected for being high), else the search run.

    A pruned search run shows the accuracy of the last epoch it was given; one still running shows none. Probes and
    controls are shown where a network was trained for nothing else. `compared` is how many finalists the winner is
    chosen from, `quantum` the step of an accuracy: the interval is made for them.
    """
    finals = _finals(runs)
    shown = _shown(runs)
    accuracies = _values(shown, lambda run: run.reached)
    train, last = (_mean(_values(shown, of)) for of in (lambda run: run.train_accuracy, lambda run: run.final_accuracy))
    diagnoses = [run.diagnosis for run in shown or runs if run.diagnosis is not None]
    best_epochs = sorted(run.best_epoch for run in shown if run.best_epoch is not None)
    return TrialSummary(
        accuracy=_mean(accuracies),
        ci95=_clipped(chosen_interval(accuracies, compared, quantum=quantum)),
        seeds=len(accuracies),
        train_accuracy=train,
        generalization_gap=None if train is None or last is None else train - last,
        last_accuracy=last,
        best_accuracy=_mean(_values(shown, lambda run: run.best_accuracy)),
        best_epoch=stdlib.median_low(best_epochs) if best_epochs else None,
        test_accuracy=_mean(_values(finals or shown, lambda run: run.test_accuracy)),
        epochs=max((run.epochs for run in shown), default=0),
        device_seconds=sum(run.device_seconds for run in runs),
        compilation=sum((run.compilation for run in runs), Compilation()),
        measured=_measured(runs),
        stopped_early=any(run.stopped_early for run in shown),
        diagnosis=agree(diagnoses),
    )


def shown_accuracy(runs: Sequence[RunRecord]) -> float | None:
    """What `summarise` gives as the accuracy, without all else: thousands of trials are ranked by it."""
    return _mean(_values(_shown(runs), lambda run: run.reached))


def _shown(runs: Sequence[RunRecord]) -> list[RunRecord]:
    return _finals(runs) or _search_run(runs) or _aside(runs)


def _finals(runs: Sequence[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.role == "final" and run.finished]


def _search_run(runs: Sequence[RunRecord]) -> list[RunRecord]:
    shown = [run for run in runs if run.role == "search" and (run.finished or run.state == "pruned")]
    return sorted(shown, key=lambda run: run.finished)[-1:]


def _aside(runs: Sequence[RunRecord]) -> list[RunRecord]:
    alone = len({run.role for run in runs}) == 1 and all(run.role in ASIDE for run in runs)
    return [run for run in runs if alone and run.finished]


def _measured(runs: Sequence[RunRecord]) -> Measured:
    roles = {"probe": 0, "control": 0, "search": 1, "final": 2}
    finished = sorted((roles[run.role], run.seed, place) for place, run in enumerate(runs) if run.finished)
    return runs[finished[-1][-1]].measured if finished else Measured()


def _values(runs: Iterable[RunRecord], field: Callable[[RunRecord], float | None]) -> list[float]:
    return [value for value in map(field, runs) if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return stdlib.fmean(values) if values else None


def _clipped(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Accuracies are fractions: an interval that leaves [0, 1] says no more than one that ends there."""
    return None if interval is None else (max(0.0, interval[0]), min(1.0, interval[1]))
