"""The service and its workers as one: what `effscale up` and `effscale demo` run."""

import fcntl
import http.client
import logging
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TextIO

from models.child_process import child_command
from service.api.context import ServiceContext, build_context
from service.api.server import bind, check_keys, prepare_data_dir
from service.operations.restarts import Restarts
from service.settings import Settings
from service.store.migrate import upgrade

API_START_SECONDS = 60.0  # its start takes one or two seconds; a loaded machine takes longer
WORKER_STOP_SECONDS = 32.0  # a worker drains within 30 s (reliability.md P10)
API_STOP_SECONDS = 15.0
LOCAL_POLL_SECONDS = 1.0  # long poll of a local worker: loopback is cheap, and so its drain is quick
KEY_NAME = "workers of effscale up"

log = logging.getLogger("effscale.supervisor")


class DataDirInUse(Exception):
    """Another effscale uses this data directory."""


class StartFailed(Exception):
    """The service did not start."""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A part cannot be kept running."""

    message: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Somebody wants it to end."""


class Supervisor:
    """Migrates, then keeps the API and its workers running until `stop`.

    Whatever should end it arrives in `ends`. Use as a context manager: leaving it drains the workers, then the API.
    `logs` is a directory for the output of the parts; None leaves it on this process's standard error.
    """

    def __init__(self, settings: Settings, *, workers: int, logs: Path | None = None) -> None:
        self.ends: SimpleQueue[GaveUp | Interrupt] = SimpleQueue()
        self._settings = settings
        self._workers = workers
        self._logs = logs
        self._lock: TextIO | None = None
        self._key_id: str | None = None
        self._api: Restarts | None = None
        self._worker_programs: list[Restarts] = []

    @property
    def url(self) -> str:
        """Where the service is reached from this machine."""
        return f"http://{_bracketed(reachable(self._settings.host))}:{self._settings.port}"

    @property
    def worker_programs(self) -> tuple[Restarts, ...]:
        """The workers, by slot."""
        return tuple(self._worker_programs)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Check, migrate, start the parts, wait until the API answers.

        Raises `PortInUse`, `DataDirNotWritable`, `DataDirInUse`, `KeysRequired`, `SchemaMismatch`, `StartFailed`.
        """
        prepare_data_dir(self._settings)
        self._lock = lock_data_dir(self._settings)
        try:
            bind(self._settings).close()  # a clear message now, rather than from a child later
            upgrade(self._settings.url)
            environment = self._environment()
            self._api = self._restarting("the API", ["api"], environment)
            self._api.start()
            self._worker_programs = [self._worker(slot, environment) for slot in range(self._workers)]
            for program in self._worker_programs:
                program.start()
            self._wait_for_api()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Drain the workers, then end the API. What does not end in time is killed."""
        _end(self._worker_programs, WORKER_STOP_SECONDS)
        if self._api is not None:
            _end([self._api], API_STOP_SECONDS)
        self._forget_key()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """End everything at once."""
        for program in (*self._worker_programs, *([] if self._api is None else [self._api])):
            program.end(signal.SIGKILL)

    def _restarting(self, name: str, command: list[str], environment: Mapping[str, str]) -> Restarts:
        output = None
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            output = self._logs / f"{name.removeprefix('the ').replace(' ', '-').lower()}.log"
        program = child_command("service.cli", *command, "--parent", str(os.getpid()))
        return Restarts(name, program, environment, lambda message: self.ends.put(GaveUp(message)), output)

    def _worker(self, slot: int, environment: Mapping[str, str]) -> Restarts:
        name = f"{self._prefix()}-{slot}"
        command = ["worker", "--server", self.url, "--name", name, "--poll-seconds", str(LOCAL_POLL_SECONDS)]
        visible = accelerators(os.environ)
        device = {"CUDA_VISIBLE_DEVICES": visible[slot % len(visible)]} if len(visible) > 1 else {}
        return self._restarting(f"worker {name}", command, {**environment, **device})

    def _prefix(self) -> str:
        """The same after a restart, so that a worker takes its lease over; unlike any other's on a shared database."""
        if self._settings.url.startswith("sqlite"):
            return "local"
        return f"{socket.gethostname()}-{self._settings.port}"

    def _environment(self) -> dict[str, str]:
        """This process's environment, with the settings of this service."""
        context = build_context(self._settings)
        try:
            check_keys(context)
            chosen = {
                "EFFSCALE_DATA_DIR": str(self._settings.data_dir),
                "EFFSCALE_HOST": self._settings.host,
                "EFFSCALE_PORT": str(self._settings.port),
                "EFFSCALE_LOG_LEVEL": self._settings.log_level,
            }
            if self._settings.database_url is not None:
                chosen["EFFSCALE_DATABASE_URL"] = self._settings.database_url
            if not self._settings.is_loopback and self._settings.api_key is None:
                chosen["EFFSCALE_API_KEY"] = self._new_key(context)
            return {**os.environ, **chosen}
        finally:
            context.engine.dispose()

    def _new_key(self, context: ServiceContext) -> str:
        """A key for our own workers, because this API asks everybody for one. It ends with us."""
        from service.api import keys

        with context.write() as (session, now):
            for row in keys.list_keys(session):
                if row.name == self._key_name():
                    keys.revoke_key(session, row.id, now)
            row, secret = keys.create_key(
                session, owner=keys.LOCAL_OWNER, name=self._key_name(), scopes=["worker"], expires_at=None, now=now
            )
            self._key_id = row.id
        return secret

    def _key_name(self) -> str:
        return f"{KEY_NAME} ({socket.gethostname()}:{self._settings.port})"

    def _forget_key(self) -> None:
        if self._key_id is None:
            return
        from service.api import keys

        context = build_context(self._settings)
        with context.write() as (session, now):
            keys.revoke_key(session, self._key_id, now)
        context.engine.dispose()
        self._key_id = None

    def _wait_for_api(self) -> None:
        until = time.monotonic() + API_START_SECONDS
        while not answers(reachable(self._settings.host), self._settings.port):
            if not self.ends.empty():
                end = self.ends.get()
                if isinstance(end, GaveUp):
                    raise StartFailed(end.message)
                self.ends.put(end)
                return
            if time.monotonic() > until:
                raise StartFailed(f"the API does not answer at {self.url} after {API_START_SECONDS:g} s")
            time.sleep(0.05)


def accelerators(environment: Mapping[str, str]) -> list[str]:
    """CUDA device numbers that this machine offers, without waking them; empty where there are none."""
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [device for device in environment["CUDA_VISIBLE_DEVICES"].split(",") if device.strip()]
    return [str(i) for i in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def reachable(host: str) -> str:
    """The address by which this machine itself reaches a bound address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def answers(host: str, port: int) -> bool:
    """Whether an effscale API is alive there."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def lock_data_dir(settings: Settings) -> TextIO | None:
    """Hold the data directory until the file is closed; a SQLite database is served by one API process only."""
    if not settings.url.startswith("sqlite"):
        return None
    file = (settings.data_dir / "supervisor.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise DataDirInUse(
            f"another effscale (process {owner}) uses the data directory {settings.data_dir}; "
            "stop it, or choose another with --data-dir"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _end(programs: list[Restarts], seconds: float) -> None:
    for program in programs:
        program.end()
    until = time.monotonic() + seconds
    for program in programs:
        if not program.join(max(0.0, until - time.monotonic())):
            log.warning("%s does not end in time and is killed", program.name)
            program.end(signal.SIGKILL)
            program.join(API_STOP_SECONDS)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
