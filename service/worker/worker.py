"""A worker: asks for leases, has its trainer process do them, and never imports JAX itself.

So a crash in compiled code costs one attempt and not the worker, and heartbeats go on whatever the trainer does.
"""

import itertools
import logging
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Literal

from models.cache_dir import file_name, private, user_cache
from service.client.connection import Connection
from service.client.errors import NotAService
from service.protocol.requests import MAX_PROGRAMS
from service.settings import Settings
from service.trainer.channel import Message
from service.worker.attempt import Attempt
from service.worker.drain import Drain
from service.worker.lease_client import Lease, LeaseClient
from service.worker.lease_state import LeaseState
from service.worker.reachability import AWAY, Reachability
from service.worker.trainer_process import Inbox, Stop, TrainerExit, TrainerMessage, TrainerProcess

READY_SECONDS = 180.0  # for importing JAX and waking the accelerator; a cold disk takes a minute
SETTLE_SECONDS = 5.0  # an abandoned job that does not end by then is ended with its process
STARTS = 3  # in a row without `ready`: the trainer cannot run here
# On CPUs a training uses all cores; with 2, compiling beside it was not shown to save anything (3 runs, busy machine)
AHEAD_CORES = 4
# On an accelerator: as many as the benchmark `gpu` packs, and more than the 5 seeds that finals have by default.
# On CPUs 3 seeds as one program took 1.8 times as long as in turn (models.training.packing).
ACCELERATOR_PACK = 8
INTERRUPTED = 130  # 128 + SIGINT, as a shell would say

Choice = Literal["auto", "on", "off"]
PackChoice = Literal["auto", "off"] | int

log = logging.getLogger("effscale.worker")


class CannotTrain(Exception):
    """The trainer process does not start on this machine."""


@dataclass(frozen=True)
class WorkerOptions:
    """What one worker needs to know. Times in seconds."""

    name: str
    compile_cache: Path
    cache_bytes: int  # that the compile cache may hold
    scratch: Path
    data_dir: Path
    checkpoint_seconds: float
    compile_ahead: Choice = "auto"
    pack: PackChoice = "auto"
    memory_limit: int | None = None  # bytes that a training may hold; None: what the device has
    poll_seconds: float = 5.0  # of one long poll; a drain waits for it to end
    process: str = field(default_factory=lambda: secrets.token_hex(8))


def usable_cores() -> int:
    """CPU cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compiles_ahead(choice: Choice, devices: Sequence[Mapping[str, str]], cores: int) -> bool:
    """Whether the next network shall be compiled beside a training, which on CPUs uses all cores itself."""
    if choice == "auto":
        return cores >= AHEAD_CORES or any(device["platform"] != "cpu" for device in devices)
    return choice == "on"


def seeds_at_once(choice: PackChoice, devices: Sequence[Mapping[str, str]]) -> int:
    """How many seeds of one network shall be trained as one program, at most. A number holds on CPUs, too."""
    if choice == "auto":
        return ACCELERATOR_PACK if any(device["platform"] != "cpu" for device in devices) else 1
    return 1 if choice == "off" else choice


def default_name() -> str:
    """Host and process id: no two workers of one network share it."""
    return f"{socket.gethostname()}-{os.getpid()}"


def options_of(settings: Settings, name: str, poll_seconds: float = 5.0) -> WorkerOptions:
    """The options of a worker on this machine; makes its directories (mode 0700)."""
    cache = user_cache()
    return WorkerOptions(
        name=name,
        compile_cache=private(settings.compile_cache_dir or cache / "compiled"),
        cache_bytes=settings.compile_cache_max_bytes,
        scratch=private(cache / "workers") / file_name(name),
        data_dir=settings.data_dir,
        checkpoint_seconds=settings.checkpoint_seconds,
        compile_ahead=settings.compile_ahead,
        pack=settings.pack,
        memory_limit=settings.memory_limit_bytes,
        poll_seconds=poll_seconds,
    )


def run_worker(settings: Settings, options: WorkerOptions) -> None:
    """Work until SIGTERM or SIGINT. A second one ends the process at once, with status 130."""
    key = None if settings.api_key is None else settings.api_key.get_secret_value()
    connection = Connection(settings.server, key, tries=1)
    worker = Worker(LeaseClient(connection), options)
    try:
        with worker.stopped_by(signal.SIGTERM, signal.SIGINT):
            worker.run()
    finally:
        connection.close()


class Worker:
    """One loop: lease, train, repeat. Ends when its drain has begun and the present attempt is given back."""

    def __init__(
        self, api: LeaseClient, options: WorkerOptions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._options = options
        self._clock = clock
        self._inbox: Inbox = SimpleQueue()
        self._drain = Drain()
        self._reachability = Reachability(api.server)
        self._jobs = itertools.count(1)
        self._programs: dict[str, None] = {}  # networks that the trainer has at hand, the latest last

    @contextmanager
    def stopped_by(self, *numbers: signal.Signals) -> Iterator[None]:
        """Drain on the first of these signals, end at once on the second."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            if self._drain.begun:
                os._exit(INTERRUPTED)  # the trainer sees its pipe end and follows
            self._drain.begin(self._clock())
            self._inbox.put(Stop())  # SimpleQueue.put is reentrant: safe in a signal handler

        before = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self) -> None:
        """Until drained. Raises `CannotTrain`, or a `ClientError` that the user has to act on (key, address)."""
        log.info("worker %s serves %s", self._options.name, self._api.server)
        child: TrainerProcess | None = None
        request: Message = {}
        try:
            while not self._drain.begun:
                if child is None or not child.alive:
                    child, ready = self._start()
                    if ready is None:
                        break
                    request = self._request(ready)
                    self._programs.clear()
                lease = self._lease({**request, "programs": list(self._programs)})
                if lease is not None:
                    self._attempt(lease, child)
                    self._remember(lease.network)
                    self._await_idle(child)
        finally:
            if child is not None:
                child.kill()
            shutil.rmtree(self._options.scratch, ignore_errors=True)
        log.info("worker %s has drained", self._options.name)

    def _request(self, ready: Message) -> Message:
        return {
            "worker": self._options.name,
            "process": self._options.process,
            "devices": ready["devices"],
            "versions": ready["versions"],
            "upcoming": compiles_ahead(self._options.compile_ahead, ready["devices"], usable_cores()),
            "pack": seeds_at_once(self._options.pack, ready["devices"]),
        }

    def _remember(self, network: str) -> None:
        self._programs.pop(network, None)
        self._programs[network] = None
        while len(self._programs) > MAX_PROGRAMS:
            del self._programs[next(iter(self._programs))]

    def _lease(self, request: Message) -> Lease | None:
        """Work, if there is any within one long poll and the service answers."""
        try:
            lease = self._api.lease(request, self._options.poll_seconds)
        except AWAY as error:
            if isinstance(error, NotAService) and not self._reachability.served:
                raise
            self._pause(self._reachability.failed(error))
            return None
        self._reachability.answered()
        return lease

    def _pause(self, seconds: float) -> None:
        """Wait, unless told to stop."""
        until = self._clock() + seconds
        while not self._drain.begun and (left := until - self._clock()) > 0:
            try:
                self._inbox.get(timeout=left)
            except Empty:
                return

    def _attempt(self, lease: Lease, child: TrainerProcess) -> None:
        directory = self._options.scratch
        shutil.rmtree(directory, ignore_errors=True)
        Attempt(
            [LeaseState(each, self._api, self._reachability, clock=self._clock) for each in (lease, *lease.companions)],
            self._api,
            child,
            self._inbox,
            self._drain,
            jobs=self._jobs,
            directory=private(directory),
            checkpoint_seconds=self._options.checkpoint_seconds,
            clock=self._clock,
        ).run()

    def _start(self) -> tuple[TrainerProcess, Message | None]:
        """A trainer process and its first message, `ready`; None when the worker is told to end meanwhile."""
        how = ""
        for _ in range(STARTS):
            options = self._options
            cache = options.compile_cache, options.cache_bytes
            child = TrainerProcess(self._inbox, *cache, options.data_dir, options.memory_limit)
            until = self._clock() + READY_SECONDS
            while True:
                try:
                    event = self._inbox.get(timeout=max(0.0, until - self._clock()))
                except Empty:
                    how = f"the training process was not ready within {READY_SECONDS:g} s"
                    break
                match event:
                    case TrainerMessage(message) if message["say"] == "ready":
                        return child, message
                    case Stop():
                        return child, None
                    case TrainerExit(pid, text) if pid == child.pid:
                        how = text
                        break
            child.kill()
        raise CannotTrain(f"nothing can be trained on this machine: {how}. 'effscale doctor' says more")

    def _await_idle(self, child: TrainerProcess) -> None:
        """Wait until the trainer has dropped what it was doing; replace it if it does not."""
        until = self._clock() + SETTLE_SECONDS
        while child.alive:
            try:
                event = self._inbox.get(timeout=max(0.0, until - self._clock()))
            except Empty:
                log.warning("the trainer does not drop its job: replaces it")
                child.kill()
                return
            match event:
                case TrainerMessage(message) if message["say"] == "idle":
                    return
                case TrainerExit(pid) if pid == child.pid:
                    return
