"""The foreground trainings of `effscale train`: one seed or several of the same network, and what they say together."""

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.cli.presentation.failure import JobFailed
from service.cli.presentation.output import duration, percent, warn
from service.cli.presentation.table import Column, pairs, table

if TYPE_CHECKING:
    from models.training.fit import EpochReport, Training
    from models.weights.start_weights import Start

Document = dict[str, Any]
COLUMNS = (
    *(Column("seed"), Column("accuracy", form=percent), Column("best", 2, percent), Column("best epoch", 3)),
    *(Column("last", 2, percent), Column("test", 1, percent), Column("training", 1, duration)),
)


@dataclass(frozen=True)
class Replicate:
    """One seed: the fields of a result, and its epochs."""

    seed: int
    result: Document
    history: list[Document]


def train_all(
    trainings: "Sequence[Training]", starts: "Mapping[int, Start]", *, test: bool, latency: bool, show: bool
) -> list[Replicate]:
    """Train them, as one program where that pays, and gather what each came to; those that diverge are left out.

    `starts` are the weights that they begin with, by seed. Raises `JobFailed` when none is left.
    """
    from models.training.packing import Replicas

    history: dict[int, list[Document]] = {training.seed: [] for training in trainings}
    with progress(trainings[0].recipe.epochs, show) as advance:
        try:
            replicas = Replicas(trainings)
            for reports in replicas:
                for seed, document in advance(reports).items():
                    history[seed].append(document)
        except Exception as error:
            raise _as_failure(error) from error
    left = [training for training in trainings if training.seed not in replicas.diverged]
    if not left:
        raise JobFailed(str(replicas.diverged[trainings[0].seed]))
    for seed, why in replicas.diverged.items():
        warn(f"seed {seed} is left out: {why}")
    tested = replicas.accuracies("test", [training.seed for training in left]) if test else {}
    return [
        Replicate(
            training.seed,
            {
                **training.summary(),
                "test_accuracy": tested.get(training.seed),
                "latency_ms": training.latency_ms() if latency else None,
                "packed": len(trainings) if replicas.packed else 1,
                "started_from": starts[training.seed].document() if starts else None,
            },
            history[training.seed],
        )
        for training in left
    ]


def together(replicates: Sequence[Replicate]) -> Document:
    """Their mean accuracy with its 95 % interval, null for one seed that is left; and each."""
    from search.results.statistics import t_interval

    accuracies = [replicate.result["accuracy"] for replicate in replicates]
    interval = t_interval(accuracies)
    return {
        "accuracy": statistics.fmean(accuracies),
        "accuracy_ci95": None if interval is None else [max(0.0, interval[0]), min(1.0, interval[1])],
        "seeds": len(replicates),
        "runs": [
            {"seed": replicate.seed, "result": replicate.result, "history": replicate.history}
            for replicate in replicates
        ],
    }


def show_together(replicates: Sequence[Replicate], seconds: float, *, wide: bool) -> None:
    """For a person."""
    found = together(replicates)
    interval = found["accuracy_ci95"]
    results = [replicate.result for replicate in replicates]
    table(COLUMNS, [_row(replicate) for replicate in replicates], wide=wide)
    print()
    between = "" if interval is None else f", 95 % from {percent(interval[0])} to {percent(interval[1])}"
    packed = results[0]["packed"]
    pairs(
        [
            ("accuracy", f"{percent(found['accuracy'])} on the validation split, the mean of {len(results)}{between}"),
            ("training", f"{duration(sum(result['device_seconds'] for result in results))}, {_how(packed)}"),
            ("compiling", duration(sum(result["compile_seconds"] for result in results))),
            ("in all", duration(seconds)),
        ]
    )


def _how(packed: int) -> str:
    return "one after the other" if packed == 1 else f"{packed} seeds as one program"


def _row(replicate: Replicate) -> list[object]:
    result = replicate.result
    names = ("accuracy", "best_accuracy", "best_epoch", "last_accuracy", "test_accuracy", "device_seconds")
    return [replicate.seed, *(result[name] for name in names)]


@contextmanager
def progress(epochs: int, show: bool) -> Iterator[Any]:
    """A function that takes the EpochReports of an epoch by seed, draws them, and gives them back as documents."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    def documents(reports: "Mapping[int, EpochReport]") -> dict[int, Document]:
        return {seed: {"epoch": report.epoch, **report.metrics()} for seed, report in reports.items()}

    if not show:
        yield documents
        return
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("compiling", total=epochs)

        def advance(reports: "Mapping[int, EpochReport]") -> dict[int, Document]:
            if reports:
                text = _means(list(reports.values()))
                bar.update(task, advance=1, description=text)
                if not screen.is_terminal:
                    epoch = max(report.epoch for report in reports.values())
                    print(f"epoch {epoch}/{epochs}: {text}", file=sys.stderr, flush=True)
            return documents(reports)

        yield advance


def _means(reports: "Sequence[EpochReport]") -> str:
    loss = statistics.fmean(report.train_loss for report in reports)
    accuracy = statistics.fmean(report.validation_accuracy for report in reports)
    return f"loss {loss:.3f}, validation {percent(accuracy)}"


def _as_failure(error: Exception) -> Exception:
    """A lack of memory is an answer, not an accident."""
    from models.errors import NotEnoughMemory
    from service.trainer.trainer import headline, out_of_memory

    if isinstance(error, NotEnoughMemory):
        return JobFailed(str(error))
    return JobFailed(f"not enough memory for this network: {headline(error)}") if out_of_memory(error) else error
