"""One attempt: from a lease and its companions to their results, or to giving them back."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty

from service.trainer.channel import Message
from service.worker.drain import EPOCH_PATIENCE_SECONDS, Drain
from service.worker.lease_client import LeaseClient
from service.worker.lease_state import LeaseState
from service.worker.leased_run import LeasedRun
from service.worker.trainer_process import Inbox, Stop, TrainerExit, TrainerMessage, TrainerProcess

log = logging.getLogger("effscale.worker")


class TrainerDied(Exception):
    """The trainer process has ended in the middle of a job."""


class Overdue(Exception):
    """The worker has to end, and the running epoch does not."""


class Attempt:
    """Drives the trainer through leased runs that differ in their seed alone. `jobs` numbers what is sent to it.

    One run is a pack of one. Each run has its lease, is written of under it, and ends by itself: one that is stopped,
    cancelled, diverged or lost leaves the job, and the others go on.
    """

    def __init__(
        self,
        holds: Sequence[LeaseState],
        api: LeaseClient,
        child: TrainerProcess,
        inbox: Inbox,
        drain: Drain,
        *,
        jobs: Iterator[int],
        directory: Path,
        checkpoint_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leased_runs = [LeasedRun(lease_state, api, drain, directory, self._keep) for lease_state in holds]
        self._training: dict[int, LeasedRun] = {}  # those that the trainer works on, by their place in the order
        self._child = child
        self._inbox = inbox
        self._drain = drain
        self._jobs = jobs
        self._job = 0
        self._directory = directory
        self._checkpoint_seconds = checkpoint_seconds
        self._clock = clock

    def run(self) -> None:
        """Train, report, and end each lease one way or another. Afterwards the trainer may still be busy."""
        for leased_run in self._leased_runs:
            log.info("begins %s", leased_run.lease.title)
            with leased_run.isolated():
                leased_run.fetch()
        try:
            while self._active:
                self._train()
        except TrainerDied as death:
            self._give_back("crashed", str(death))
        except Overdue:
            self._child.kill()
            self._give_back("drain", f"the epoch did not end within {EPOCH_PATIENCE_SECONDS:g} s")
        if self._training:
            self._answer({})  # it drops the job at the end of its epoch; the worker waits for that, or replaces it

    @property
    def _active(self) -> list[LeasedRun]:
        return [leased_run for leased_run in self._leased_runs if not leased_run.over]

    def _train(self) -> None:
        """One job of the trainer, with all that are active; it has to be begun again where this leaves some."""
        self._job = next(self._jobs)
        self._training = dict(enumerate(self._active))
        self._child.send(
            {
                "do": "train",
                "job": self._job,
                "runs": [
                    {"work": each.lease.job, "checkpoint": None if each.start is None else str(each.start)}
                    for each in self._training.values()
                ],
                "directory": str(self._directory),
                "checkpoint_seconds": self._checkpoint_seconds,
            }
        )
        while (message := self._next()) is not None:
            match message["say"]:
                case "started":
                    self._prepare()
                case "epoch":
                    self._epoch(message["reports"])
                case "corrupt":
                    self._fall_back(self._training[message["run"]], message["message"])
                    return
                case "too-many":
                    self._train_in_turn(message["message"])
                    return
                case "idle":
                    self._give_back("error", "the trainer ended its job without a word on it")
                case _:
                    self._end(message)

    def _prepare(self) -> None:
        """Tell the trainer what will probably come next: it is of the same search, only the network is another."""
        lease = self._leased_runs[0].lease
        if lease.upcoming is not None:
            shape = {name: lease.upcoming[name] for name in ("depths", "widths", "resolution")}
            seeds = lease.upcoming.get("seeds", 1)
            self._child.send({"do": "prepare", "work": {**lease.job, **shape}, "seeds": seeds})

    def _epoch(self, reports: Sequence[Message]) -> None:
        """Report what each run did and pass the answers on. Checkpoints travel while the next epoch is trained."""
        commands: dict[int, str] = {}
        for entry in reports:
            leased_run = self._training[entry["run"]]
            if not leased_run.over:
                with leased_run.isolated():
                    commands[entry["run"]] = leased_run.report(entry)
        for entry in reports:
            if entry["run"] not in commands:
                del self._training[entry["run"]]
        self._answer(commands)
        for entry in reports:
            if entry["checkpoint"] is not None and commands.get(entry["run"]) == "continue":
                leased_run = self._training[entry["run"]]
                with leased_run.isolated():
                    leased_run.save(entry["checkpoint"])

    def _end(self, message: Message) -> None:
        """The trainer's last word on one run, or without a number on all."""
        places = list(self._training) if message.get("run") is None else [message["run"]]
        for place in places:
            leased_run = self._training.pop(place)
            if not leased_run.over:
                with leased_run.isolated():
                    leased_run.end(message)

    def _fall_back(self, leased_run: LeasedRun, why: str) -> None:
        log.warning("the saved state is corrupt, tries an older one: %s", why)
        self._training.clear()
        with leased_run.isolated():
            leased_run.fetch()

    def _train_in_turn(self, why: str) -> None:
        """Together they need more memory than there is: that says nothing of one, so the first is trained by itself."""
        self._training.clear()
        for leased_run in self._active[1:]:
            with leased_run.isolated():
                leased_run.release("drain", f"not together with another seed: {why}")

    def _give_back(self, reason: str, message: str) -> None:
        self._training.clear()
        for leased_run in self._active:
            with leased_run.isolated():
                leased_run.release(reason, message)

    def _next(self) -> Message | None:
        """The trainer's next word on this job; None when no run is left. All leases are kept while waiting."""
        while True:
            self._keep()
            if not self._active:
                return None
            patience = self._drain.since + EPOCH_PATIENCE_SECONDS - self._clock()
            if patience <= 0:
                raise Overdue
            due = min(leased_run.lease_state.due() for leased_run in self._active)
            try:
                event = self._inbox.get(timeout=min(due, patience))
            except Empty:
                continue
            match event:
                case Stop():
                    self._drain.begin(self._clock())
                case TrainerExit(pid, how) if pid == self._child.pid:
                    raise TrainerDied(how)
                case TrainerMessage(message) if message["say"] == "prepared":
                    log.info("the program of network %s is compiled ahead", message["network"])
                case TrainerMessage(message) if message.get("job") == self._job:
                    return message

    def _keep(self, busy: LeasedRun | None = None) -> None:
        """Keep all leases but that of a member which is busy keeping its own."""
        for leased_run in self._active:
            if leased_run is not busy:
                with leased_run.isolated():
                    leased_run.send_due()

    def _answer(self, commands: dict[int, str]) -> None:
        """How each run goes on; the trainer drops those that are not named."""
        named = {str(place): command for place, command in commands.items()}
        self._child.send({"do": "answer", "job": self._job, "commands": named})
