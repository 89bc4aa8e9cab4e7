"""Workers without processes; a tiny network's job; and the trainer as a real process."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.recipe.recipe import TrainingRecipe
from models.scaling.architecture import Baseline, StageSpec
from service.api.context import ServiceContext
from tests.service.fleet import Fleet

PATIENCE_SECONDS = 120.0  # a compilation on a busy machine; nothing waits for it to pass
TINY = Baseline(
    name="tiny",
    stem=8,
    stem_stride=2,
    stages=(StageSpec(1, 3, 1, 1, 8), StageSpec(1, 3, 2, 2, 16)),
    head=16,
    resolution=16,
    classes=10,
    dropout=0.1,
    drop_path=0.0,
)

Message = dict[str, Any]


def tiny_job(**recipe: Any) -> Message:
    """A job as the service sends it; the recipe's fields can be chosen."""
    chosen = TrainingRecipe.model_validate({"epochs": 4, "batch_size": 128, **recipe})
    return {
        "baseline": TINY.document(),
        "depths": [1, 1],
        "widths": [8, 8, 16, 16],
        "resolution": 16,
        "classes": 10,
        "dropout": 0.1,
        "drop_path": 0.0,
        "dataset": "digits",
        "dataset_px": 16,
        "dataset_hash": None,
        "start": None,
        "recipe": chosen.model_dump(mode="json"),
        "seed": 3,
        "evaluate_test": False,
        "measure_latency": False,
    }


class Trainer:
    """`python -m service.trainer.trainer` at the other end of two pipes."""

    def __init__(self, cache: Path, folder: Path, *options: str) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.jobs = 0
        command = [
            sys.executable,
            "-m",
            "service.trainer.trainer",
            "--parent",
            str(os.getpid()),
            "--compile-cache",
            str(cache),
        ]
        self.process = subprocess.Popen(
            [*command, "--compile-cache", str(cache), "--data-dir", str(self.data_dir), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._said: queue.SimpleQueue[Message] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def tell(self, **message: Any) -> None:
        """Send a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def hear(self, what: str) -> Message:
        """The next message, which must be of this kind."""
        message = self.hear_any()
        assert message["say"] == what, message
        return message

    def hear_any(self) -> Message:
        """The next message."""
        return self._said.get(timeout=PATIENCE_SECONDS)

    def train(self, work: Message, checkpoint: str | None = None, checkpoint_seconds: float = 1e9) -> int:
        """Send a job of one run; its number."""
        return self.pack({"work": work, "checkpoint": checkpoint}, checkpoint_seconds=checkpoint_seconds)

    def pack(self, *runs: Message, checkpoint_seconds: float = 1e9) -> int:
        """Send a job of several runs; its number."""
        self.jobs += 1
        directory = str(self.folder)
        self.tell(do="train", job=self.jobs, runs=runs, directory=directory, checkpoint_seconds=checkpoint_seconds)
        return self.jobs

    def epochs(self, count: int, answer: str = "continue") -> list[Message]:
        """So many epochs of one run, each answered; what was reported of them."""
        heard = []
        for _ in range(count):
            (report,) = self.hear("epoch")["reports"]
            heard.append(report)
            self.answer({} if answer == "abandon" else {report["run"]: answer})
        return heard

    def answer(self, commands: dict[int, str], job: int | None = None) -> None:
        """How each run of the job goes on; those that are not named are abandoned."""
        named = {str(run): command for run, command in commands.items()}
        self.tell(do="answer", job=job or self.jobs, commands=named)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(json.loads(line))


@pytest.fixture
def fleet(context: ServiceContext) -> Fleet:
    """Workers without processes, on a fresh database and a clock that stands still."""
    return Fleet(context)


@pytest.fixture(scope="session")
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of compiled programs for all tests."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="session")
def start_trainer(compile_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Trainer]]:
    """Starts trainers, with these options, that are ready; none outlives the tests."""
    started: list[Trainer] = []

    def start(*options: str) -> Trainer:
        trainer = Trainer(compile_cache, tmp_path_factory.mktemp("scratch"), *options)
        started.append(trainer)
        trainer.hear("ready")
        return trainer

    yield start
    for trainer in started:
        trainer.process.kill()
        trainer.process.wait()


@pytest.fixture(scope="session")
def shared_trainer(start_trainer: Callable[..., Trainer]) -> Trainer:
    """One trainer for all tests that leave it idle, as a worker would."""
    return start_trainer()
