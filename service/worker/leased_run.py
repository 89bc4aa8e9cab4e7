"""One leased run of an attempt: where it begins, and what is written of it under its own lease."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from service.client.errors import ClientError, LeaseLost, Refused, Unknown
from service.trainer.channel import Message
from service.worker.drain import DRAIN_SECONDS, Drain
from service.worker.lease_client import Damaged, LeaseClient, SavedState
from service.worker.lease_state import LeaseExpired, LeaseState
from service.worker.reachability import AWAY

log = logging.getLogger("effscale.worker")


class Cancelled(Exception):
    """The service wants this run no more."""


class LeasedRun:
    """What becomes of one run. While a state of it travels, `keep_others` is called again and again, with itself."""

    def __init__(
        self,
        lease_state: LeaseState,
        api: LeaseClient,
        drain: Drain,
        directory: Path,
        keep_others: Callable[["LeasedRun"], None],
    ) -> None:
        self.lease = lease_state.lease
        self.lease_state = lease_state
        self.over = False  # whether the lease has been ended, or lost: nothing more is written of it
        self.start: Path | None = None  # the state to go on from
        self._api = api
        self._drain = drain
        self._directory = directory
        self._keep_others = keep_others
        self._untried = iter(self.lease.checkpoints)

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """What goes wrong in here ends this run and no other."""
        try:
            try:
                yield
            except Cancelled:
                self.finish("cancelled", self.lease_state.reason)
            except Refused as error:
                if isinstance(error, LeaseLost | Unknown):
                    raise
                self.release("error", f"the server refused what this worker sent: {error}")
        except (LeaseLost, Unknown, LeaseExpired) as error:
            log.warning("stops writing %s: %s", self.lease.title, error)
            self.over = True
        except AWAY as error:
            log.warning("could not give back %s, its lease will run out: %s", self.lease.title, error)
            self.over = True

    def send_due(self) -> None:
        """Send what is due. Raises `Cancelled` when the service says so."""
        self.lease_state.send_due()
        if self.lease_state.command == "cancel":
            raise Cancelled

    def fetch(self) -> None:
        """Get the newest saved state that has not been tried yet; when there is none, begin from scratch."""
        for state in self._untried:
            path = self._directory / f"resume-{self.lease.id}-{state.epoch}"
            try:
                self.lease_state.write_until_accepted(partial(self._load, state, path))
            except LeaseLost:
                raise
            except (Damaged, Refused) as error:
                log.warning("cannot resume from epoch %d, tries an older state: %s", state.epoch, error)
                continue
            log.info("resumes after epoch %d: %s", state.epoch, self.lease.title)
            self.start = path
            return
        if self.lease.checkpoints:
            log.warning("no saved state of %s could be used: begins from scratch", self.lease.title)
        self.start = None

    def _load(self, state: SavedState, path: Path, _timeout: float) -> None:
        self._api.load(self.lease, state, path, self._between)

    def report(self, entry: Message) -> str:
        """Report an epoch; how the run goes on: continue, stop or drain."""
        self.lease_state.report(entry["epoch"], entry["metrics"])
        command = self.lease_state.command
        if command == "cancel":
            raise Cancelled
        if command == "continue" and self._drain.begun:
            command = "drain"
        return "continue" if command == "drain" and entry["last"] else command  # nothing is left but the result

    def end(self, message: Message) -> None:
        """Act on the trainer's last word on this run."""
        match message["say"]:
            case "result":
                self.finish("completed", None, result=message["result"])
            case "stopped":
                self.finish("pruned", self.lease_state.reason, result=message["result"])
            case "checkpoint":
                self.save(message["checkpoint"])
                self.release("drain", self.lease_state.reason)
            case "diverged":
                self.finish("infeasible", "diverged", text=message["message"])
            case "unfit":
                self.finish("infeasible", "start-does-not-fit", text=message["message"])
            case "not-here":
                self.release(message["reason"], message["message"])
            case "out-of-memory":
                self.finish("infeasible", "memory", text=message["message"])
            case "error":
                self.release("error", message["message"])

    def save(self, saved: Message) -> None:
        """Upload a checkpoint; without it an interruption costs more, so a failure is no more than a warning."""
        path = Path(saved["path"])
        state = SavedState(saved["epoch"], saved["sha256"], saved["size"])
        try:
            self._api.save(self.lease, state, path, self._between)
        except (LeaseLost, Unknown):
            raise
        except ClientError as error:
            log.warning("the state after epoch %d is not saved: %s", state.epoch, error)
        finally:
            path.unlink(missing_ok=True)

    def finish(
        self, outcome: str, reason: str | None, *, text: str | None = None, result: dict[str, Any] | None = None
    ) -> None:
        """Record how the run ended."""
        body = {"outcome": outcome, "reason": reason, "message": text, "result": result}
        answer = self.lease_state.write_until_accepted(
            lambda timeout: self._api.finish(self.lease, body, timeout), self._give_up_at()
        )
        log.info("ends %s: %s", self.lease.title, answer["state"])
        self.over = True

    def release(self, reason: str, message: str | None) -> None:
        """Give the run back unfinished."""
        log.info("gives back %s: %s", self.lease.title, reason if message is None else f"{reason}: {message}")
        self.lease_state.write_until_accepted(
            lambda timeout: self._api.release(self.lease, reason, message, timeout), self._give_up_at()
        )
        self.over = True

    def _between(self) -> None:
        self.lease_state.send_due()
        self._keep_others(self)

    def _give_up_at(self) -> float:
        return self._drain.since + DRAIN_SECONDS
