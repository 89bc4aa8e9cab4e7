"""In the trainer: the runs of one job, which differ in their seed alone. A single run is a pack of one."""

import hashlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import InvalidRecipe, NotEnoughMemory
from service.trainer.channel import Channel, Message

if TYPE_CHECKING:
    from models.training.class_counts import Metric
    from models.training.fit import EpochReport, Training
    from models.training.packing import Replicas
    from models.weights.start_weights import Start


@dataclass
class Saver:
    """Writes checkpoints into a directory, at most once every `every` seconds unless asked."""

    directory: Path
    every: float
    clock: Callable[[], float] = time.monotonic
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.clock()

    def due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return self.clock() - self.last >= self.every

    def save(self, training: "Training", epoch: int) -> Message:
        """The state after a 1-based epoch as a file: {"epoch", "path", "sha256", "size"}."""
        data = training.checkpoint()
        path = self.directory / f"seed-{training.seed}-epoch-{epoch}"
        path.write_bytes(data)
        self.last = self.clock()
        return {"epoch": epoch, "path": str(path), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


@dataclass(frozen=True)
class Run:
    """A training of a job, as it was ordered: its place there, its work, and the weights that it starts from."""

    place: int
    work: Message
    training: "Training"
    start: "Start | None"


def together(trainings: "Sequence[Training]") -> "Replicas":
    """As one program where that can be: where the device holds it with all images, and all are at one epoch.

    Whether it pays was decided by the worker, which asked for several.
    """
    from models.training.packing import Replicas

    if len(trainings) > 1:
        try:
            return Replicas(trainings, packed=True)
        except (InvalidRecipe, NotEnoughMemory) as error:
            print(f"{len(trainings)} seeds are trained in turn: {error}", file=sys.stderr)
    return Replicas(trainings, packed=False)


class Pack:
    """Trains the runs of a job and tells of each: its epochs, and once how it ended."""

    def __init__(self, channel: Channel, job: int, runs: Sequence[Run], replicas: "Replicas", saver: Saver) -> None:
        self._channel = channel
        self._job = job
        self._runs = {run.training.seed: run for run in runs}  # those that have not ended
        self._replicas = replicas
        self._saver = saver

    def train(self) -> None:
        """Until the last run has ended. One answer of the worker an epoch says how each goes on."""
        for reports in self._replicas:
            for seed in [seed for seed in self._replicas.diverged if seed in self._runs]:
                self._end(seed, "diverged", message=str(self._replicas.diverged[seed]))
            if reports:
                self._go_on(reports)
        self._complete(list(self._runs.values()))  # none, but for a state that was saved after the last epoch

    def _go_on(self, reports: "Mapping[int, EpochReport]") -> None:
        runs = [self._runs[seed] for seed in reports]
        is_due = self._saver.due()
        saved = {run.place: self._save(run) for run in runs if is_due and not run.training.finished}
        documents = [
            {
                "run": run.place,
                "epoch": reports[seed].epoch,
                "metrics": reports[seed].metrics(),
                "checkpoint": saved.get(run.place),
                "last": run.training.finished,
            }
            for seed, run in zip(reports, runs, strict=True)
        ]
        self._channel.send("epoch", job=self._job, reports=documents)
        commands = self._channel.answer(self._job)
        complete = [run for run in runs if commands.get(run.place) == "continue" and run.training.finished]
        for run in runs:
            command = commands.get(run.place)
            if command == "stop":
                self._end(run.training.seed, "stopped", result=self._result(run))
            elif command == "drain":
                self._end(run.training.seed, "checkpoint", checkpoint=saved.get(run.place) or self._save(run))
            elif command is None:
                del self._runs[run.training.seed]
                self._replicas.drop(run.training.seed)
        self._complete(complete)

    def _complete(self, runs: Sequence[Run]) -> None:
        tested = [run.training.seed for run in runs if run.work["evaluate_test"]]
        scores = self._replicas.scores("test", tested) if tested else {}
        for run in runs:
            seed = run.training.seed
            latency = run.training.latency_ms() if run.work["measure_latency"] else None
            measured = self._result(run, scores.get(seed), latency_ms=latency)
            self._end(seed, "result", result=measured)

    def _save(self, run: Run) -> Message:
        return self._saver.save(run.training, run.training.epoch)

    def _end(self, seed: int, what: str, **fields: object) -> None:
        run = self._runs.pop(seed)
        self._replicas.drop(seed)
        self._channel.send(what, job=self._job, run=run.place, **fields)

    def _result(
        self, run: Run, tested: "Mapping[Metric, float] | None" = None, *, latency_ms: float | None = None
    ) -> dict[str, Any]:
        """The RunResult of the worker protocol."""
        return {
            **run.training.summary(),
            **{f"test_{metric}": value for metric, value in (tested or {}).items()},
            "latency_ms": latency_ms,
            "packed": len(self._replicas.trainings) if self._replicas.packed else 1,
            "dataset_hash": run.training.dataset.fingerprint,
            "started_from": None if run.start is None else run.start.document(),
        }
