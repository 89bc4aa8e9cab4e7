"""One attempt: from a lease to a result, or to giving it back."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from service.child import Child, Died, Inbox, Said, Stop
from service.client_errors import ClientError, LeaseLost, Refused, Unknown
from service.hold import Hold, LeaseExpired
from service.lease_client import Damaged, LeaseClient, SavedState
from service.reach import AWAY
from service.trainer_channel import Message

EPOCH_PATIENCE_SECONDS = 20.0  # after SIGTERM the running epoch may take this long, of the 30 s that P10 allows
DRAIN_SECONDS = 27.0  # and by then the lease is given back, or it runs out by itself

log = logging.getLogger("effscale.worker")


class TrainerDied(Exception):
    """The trainer process has ended in the middle of a job."""


class Cancelled(Exception):
    """The service wants this run no more."""


class Overdue(Exception):
    """The worker has to end, and the running epoch does not."""


@dataclass(slots=True)
class Drain:
    """Whether the worker has been told to end, and since when (its clock, seconds)."""

    since: float = math.inf

    def begin(self, now: float) -> None:
        """Told to end."""
        self.since = min(self.since, now)

    @property
    def begun(self) -> bool:
        """Whether the worker is ending."""
        return self.since < math.inf


class Attempt:
    """Drives the trainer through one leased run. `jobs` numbers what is sent to it."""

    def __init__(
        self,
        hold: Hold,
        api: LeaseClient,
        child: Child,
        inbox: Inbox,
        drain: Drain,
        *,
        jobs: Iterator[int],
        directory: Path,
        checkpoint_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hold = hold
        self._lease = hold.lease
        self._api = api
        self._child = child
        self._inbox = inbox
        self._drain = drain
        self._jobs = jobs
        self._job = 0
        self._directory = directory
        self._checkpoint_seconds = checkpoint_seconds
        self._clock = clock

    def run(self) -> None:
        """Train, report, and end the lease one way or another. Afterwards the trainer may still be busy."""
        log.info("begins %s", self._lease.title)
        try:
            self._run()
        except (LeaseLost, Unknown, LeaseExpired) as error:
            log.warning("stops writing %s: %s", self._lease.title, error)
            self._abandon()
        except AWAY as error:
            log.warning("could not give back %s, its lease will run out: %s", self._lease.title, error)
            self._abandon()

    def _run(self) -> None:
        try:
            for checkpoint in self._starting_points():
                if self._train(checkpoint):
                    return
        except TrainerDied as death:
            self._release("crashed", str(death))
        except Cancelled:
            self._abandon()
            self._finish("cancelled", self._hold.reason)
        except Overdue:
            self._child.kill()
            self._release("drain", f"the epoch did not end within {EPOCH_PATIENCE_SECONDS:g} s")
        except Refused as error:
            if isinstance(error, LeaseLost | Unknown):
                raise
            self._abandon()
            self._release("error", f"the server refused what this worker sent: {error}")

    def _starting_points(self) -> Iterator[Path | None]:
        """Files to resume from, newest first, each fetched when it is its turn; at last None: from scratch."""
        for state in self._lease.checkpoints:
            path = self._directory / f"resume-{state.epoch}"
            try:
                self._hold.insist(lambda _, s=state, p=path: self._api.load(self._lease, s, p, self._hold.keep))  # type: ignore[misc]
            except LeaseLost:
                raise
            except (Damaged, Refused) as error:
                log.warning("cannot resume from epoch %d, tries an older state: %s", state.epoch, error)
                continue
            log.info("resumes after epoch %d", state.epoch)
            yield path
        if self._lease.checkpoints:
            log.warning("no saved state could be used: begins from scratch")
        yield None

    def _train(self, checkpoint: Path | None) -> bool:
        """Have the trainer do it; False when the checkpoint turned out to be corrupt."""
        self._job = next(self._jobs)
        self._child.send(
            {
                "do": "train",
                "job": self._job,
                "work": self._lease.job,
                "checkpoint": None if checkpoint is None else str(checkpoint),
                "directory": str(self._directory),
                "checkpoint_seconds": self._checkpoint_seconds,
            }
        )
        while True:
            message = self._next()
            if message["say"] == "corrupt":
                log.warning("the saved state is corrupt, tries an older one: %s", message["message"])
                return False
            if self._ended_by(message):
                return True

    def _ended_by(self, message: Message) -> bool:
        """Act on one message of the trainer; True when it was the last of the run."""
        match message["say"]:
            case "started":
                self._prepare()
                return False
            case "epoch":
                self._epoch(message)
                return False
            case "result":
                self._finish("completed", None, result=message["result"])
            case "stopped":
                self._finish("pruned", self._hold.reason, result=message["result"])
            case "checkpoint":
                self._save(message["checkpoint"])
                self._release("drain", self._hold.reason)
            case "diverged":
                self._finish("infeasible", "diverged", text=message["message"])
            case "unfit":
                self._finish("infeasible", "start-does-not-fit", text=message["message"])
            case "not-here":
                self._release(message["reason"], message["message"])
            case "out-of-memory":
                self._finish("infeasible", "memory", text=message["message"])
            case "error":
                self._release("error", message["message"])
            case _:
                return False
        return True

    def _prepare(self) -> None:
        """Tell the trainer what will probably come next: it is of the same search, only the network is another."""
        if self._lease.upcoming is not None:
            shape = {name: self._lease.upcoming[name] for name in ("depths", "widths", "resolution")}
            self._child.send({"do": "prepare", "work": {**self._lease.job, **shape}})

    def _epoch(self, message: Message) -> None:
        """Report an epoch and pass the answer on. The checkpoint travels while the next epoch is trained."""
        saved = message["checkpoint"]
        self._hold.report(message["epoch"], message["metrics"])
        command = self._hold.command
        if command == "cancel":
            raise Cancelled
        if command == "continue" and self._drain.begun:
            command = "drain"
        if command == "drain" and message["last"]:
            command = "continue"  # nothing is left but the result
        self._child.send({"do": command, "job": self._job})
        if saved is not None and command == "continue":
            self._save(saved)

    def _next(self) -> Message:
        """The trainer's next word on this job. The lease is kept while waiting."""
        while True:
            self._hold.keep()
            if self._hold.command == "cancel":
                raise Cancelled
            patience = self._drain.since + EPOCH_PATIENCE_SECONDS - self._clock()
            if patience <= 0:
                raise Overdue
            try:
                event = self._inbox.get(timeout=min(self._hold.due(), patience))
            except Empty:
                continue
            match event:
                case Stop():
                    self._drain.begin(self._clock())
                case Died(pid, how) if pid == self._child.pid:
                    raise TrainerDied(how)
                case Said(message) if message["say"] == "prepared":
                    log.info("the program of network %s is compiled ahead", message["network"])
                case Said(message) if message.get("job") == self._job:
                    return message

    def _save(self, saved: Message) -> None:
        """Upload a checkpoint; without it an interruption costs more, so a failure is no more than a warning."""
        path = Path(saved["path"])
        state = SavedState(saved["epoch"], saved["sha256"], saved["size"])
        try:
            self._api.save(self._lease, state, path, self._hold.keep)
        except (LeaseLost, Unknown):
            raise
        except ClientError as error:
            log.warning("the state after epoch %d is not saved: %s", state.epoch, error)
        finally:
            path.unlink(missing_ok=True)

    def _finish(
        self, outcome: str, reason: str | None, *, text: str | None = None, result: dict[str, Any] | None = None
    ) -> None:
        body = {"outcome": outcome, "reason": reason, "message": text, "result": result}
        answer = self._hold.insist(lambda timeout: self._api.finish(self._lease, body, timeout), self._give_up_at())
        log.info("ends %s: %s", self._lease.title, answer["state"])

    def _release(self, reason: str, message: str | None) -> None:
        log.info("gives back %s: %s", self._lease.title, reason if message is None else f"{reason}: {message}")
        self._hold.insist(lambda timeout: self._api.release(self._lease, reason, message, timeout), self._give_up_at())

    def _give_up_at(self) -> float:
        return self._drain.since + DRAIN_SECONDS

    def _abandon(self) -> None:
        """Have the trainer drop the job at the end of its epoch; the worker waits for that, or replaces it."""
        self._child.send({"do": "abandon", "job": self._job})
