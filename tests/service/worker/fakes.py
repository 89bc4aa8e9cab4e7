"""A service, a clock and a trainer without processes or sockets, for tests of what the worker decides."""

from collections.abc import Callable, Sequence
from typing import Any

from service.client.errors import ClientError
from service.worker.lease_client import Lease, SavedState
from service.worker.trainer_process import Inbox, TrainerExit, TrainerMessage
from tests.service.conftest import tiny_job

CONTINUE = {"command": "continue", "reason": None}
METRICS = {"train_loss": 1.0}


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Api:
    """Notes what is written; answers with what the test lined up, else with success. An exception is raised."""

    server = "http://fake"

    def __init__(self) -> None:
        self.written: list[tuple[Any, ...]] = []
        self.answers: list[dict[str, Any] | ClientError] = []
        self.answers_to: dict[str, list[dict[str, Any] | ClientError]] = {}  # by lease, before all others
        self.about: list[tuple[str, str]] = []  # (lease, what) of what was written
        self.stored: dict[int, bytes | ClientError] = {}

    def _answer(self, lease: Lease, what: tuple[Any, ...], otherwise: dict[str, Any]) -> dict[str, Any]:
        lined_up = self.answers_to.get(lease.id) or self.answers
        answer = lined_up.pop(0) if lined_up else otherwise
        if isinstance(answer, ClientError):
            raise answer
        self.written.append(what)
        self.about.append((lease.id, str(what[1]) if what[0] in ("finish", "release") else str(what[0])))
        return answer

    def report(self, lease: Lease, epoch: int | None, metrics: Any, timeout: float) -> dict[str, Any]:
        """As LeaseClient.report."""
        return self._answer(lease, ("report", epoch), CONTINUE)

    def finish(self, lease: Lease, outcome: dict[str, Any], timeout: float) -> dict[str, Any]:
        """As LeaseClient.finish."""
        return self._answer(lease, ("finish", outcome["outcome"], outcome["reason"]), {"state": "done"})

    def release(self, lease: Lease, reason: str, message: str | None, timeout: float) -> dict[str, Any]:
        """As LeaseClient.release."""
        return self._answer(lease, ("release", reason, message), {"state": "queued"})

    def save(self, lease: Lease, state: SavedState, path: Any, between: Callable[[], None]) -> None:
        """As LeaseClient.save."""
        between()
        self._answer(lease, ("save", state.epoch), {})

    def load(self, lease: Lease, state: SavedState, path: Any, between: Callable[[], None]) -> None:
        """As LeaseClient.load."""
        data = self.stored[state.epoch]
        if isinstance(data, ClientError):
            raise data
        path.write_bytes(data)


class TrainerProcess:
    """A trainer that plays a script: the n-th message it is sent makes it say the n-th entry."""

    pid = 4711
    alive = True

    def __init__(self, inbox: Inbox, script: list[list[dict[str, Any] | str]]) -> None:
        self.inbox = inbox
        self.script = script
        self.told: list[dict[str, Any]] = []
        self.killed = False
        self.job = 0

    def send(self, message: dict[str, Any]) -> None:
        """Note it and play the next entry; a string is the trainer's death."""
        self.told.append(message)
        self.job = message.get("job", self.job)
        for line in self.script.pop(0) if self.script else []:
            self.inbox.put(
                TrainerExit(self.pid, line) if isinstance(line, str) else TrainerMessage({"job": self.job, **line})
            )

    def kill(self) -> None:
        """Note it."""
        self.killed = True

    @property
    def answers(self) -> list[str]:
        """What it was told, in words: of an answer how its runs go on, `abandon` where that is not at all."""
        return [word for message in self.told for word in words(message)]


def words(message: dict[str, Any]) -> list[str]:
    """A message to the trainer, in words."""
    return [message["do"]] if message["do"] != "answer" else [*message["commands"].values()] or ["abandon"]


def lease(*checkpoints: int, seconds: float = 30.0, epochs: int = 3, name: str = "L1", seed: int = 3) -> Lease:
    """A lease of a tiny run with checkpoints of these epochs, newest first."""
    saved = tuple(SavedState(epoch, "0" * 64, 3) for epoch in checkpoints)
    job = {**tiny_job(epochs=epochs), "seed": seed}
    return Lease(name, 7, seconds, "fake", 0, "search", 1, job, "0" * 16, saved)


def epoch(number: int, *checkpoints: Any, runs: Sequence[int] = (0,), last: bool = False) -> dict[str, Any]:
    """An epoch of these runs as the trainer tells it, with their checkpoints."""
    report = {"epoch": number, "metrics": METRICS, "last": last}
    saved = checkpoints or (None,) * len(runs)
    reports = [{"run": run, **report, "checkpoint": state} for run, state in zip(runs, saved, strict=True)]
    return {"say": "epoch", "reports": reports}
