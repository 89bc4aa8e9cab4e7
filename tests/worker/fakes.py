"""A service, a clock and a trainer without processes or sockets, for tests of what the worker decides."""

from collections.abc import Callable
from typing import Any

from service.child import Died, Inbox, Said
from service.client_errors import ClientError
from service.lease_client import Lease, SavedState
from tests.worker.conftest import tiny_job

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
        self.stored: dict[int, bytes | ClientError] = {}

    def _answer(self, otherwise: dict[str, Any]) -> dict[str, Any]:
        answer = self.answers.pop(0) if self.answers else otherwise
        if isinstance(answer, ClientError):
            raise answer
        return answer

    def report(self, lease: Lease, epoch: int | None, metrics: Any, timeout: float) -> dict[str, Any]:
        """As LeaseClient.report."""
        answer = self._answer(CONTINUE)
        self.written.append(("report", epoch))
        return answer

    def finish(self, lease: Lease, outcome: dict[str, Any], timeout: float) -> dict[str, Any]:
        """As LeaseClient.finish."""
        answer = self._answer({"state": "done"})
        self.written.append(("finish", outcome["outcome"], outcome["reason"]))
        return answer

    def release(self, lease: Lease, reason: str, message: str | None, timeout: float) -> dict[str, Any]:
        """As LeaseClient.release."""
        answer = self._answer({"state": "queued"})
        self.written.append(("release", reason, message))
        return answer

    def save(self, lease: Lease, state: SavedState, path: Any, between: Callable[[], None]) -> None:
        """As LeaseClient.save."""
        self._answer({})
        self.written.append(("save", state.epoch))

    def load(self, lease: Lease, state: SavedState, path: Any, between: Callable[[], None]) -> None:
        """As LeaseClient.load."""
        data = self.stored[state.epoch]
        if isinstance(data, ClientError):
            raise data
        path.write_bytes(data)


class Child:
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
            self.inbox.put(Died(self.pid, line) if isinstance(line, str) else Said({"job": self.job, **line}))

    def kill(self) -> None:
        """Note it."""
        self.killed = True

    @property
    def answers(self) -> list[str]:
        """What it was told, in words."""
        return [message["do"] for message in self.told]


def lease(*checkpoints: int, seconds: float = 30.0, epochs: int = 3) -> Lease:
    """A lease of a tiny run with checkpoints of these epochs, newest first."""
    saved = tuple(SavedState(epoch, "0" * 64, 3) for epoch in checkpoints)
    return Lease("L1", 7, seconds, "fake", 0, "search", 1, tiny_job(epochs=epochs), "0" * 16, saved)


def epoch(number: int, checkpoint: Any = None, *, last: bool = False) -> dict[str, Any]:
    """An epoch as the trainer tells it."""
    return {"say": "epoch", "epoch": number, "metrics": METRICS, "checkpoint": checkpoint, "last": last}
