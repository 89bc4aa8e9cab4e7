"""Keeps one program running: starts it again when it dies, and gives up when that helps no more."""

import logging
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from service.client.backoff import Backoff

DEATHS = 5  # within WINDOW_SECONDS: starting it again does not help
WINDOW_SECONDS = 60.0
BAD_USAGE = 2  # exit status of a program that a person has to put right

log = logging.getLogger("effscale.supervisor")


class Restarts:
    """A program in a session of its own (Ctrl-C is not for it), and the thread that watches it.

    `gave_up` is called once with a message when the program cannot be kept running.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        gave_up: Callable[[str], None],
        output: Path | None = None,
    ) -> None:
        self.name = name
        self.starts = 0
        self._command = list(command)
        self._environment = dict(environment)
        self._gave_up = gave_up
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()  # a signal handler may come while its own thread holds it
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"restarts {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process id of the running program."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask the program to end, for good; does not wait."""
        self._ending.set()
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(number)

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came in time."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        deaths: deque[float] = deque(maxlen=DEATHS)
        backoff = Backoff()
        while (process := self._start()) is not None:
            code = process.wait()
            if self._ending.is_set():
                return
            deaths.append(time.monotonic())
            if len(deaths) == DEATHS and deaths[-1] - deaths[0] < WINDOW_SECONDS:
                self._gave_up(f"{self.name} died {DEATHS} times within {WINDOW_SECONDS:g} s, last with {ending(code)}")
                return
            if code == BAD_USAGE:
                self._gave_up(f"{self.name} cannot run: its message stands above")
                return
            if len(deaths) < 2 or deaths[-1] - deaths[-2] > WINDOW_SECONDS:
                backoff.reset()
            log.warning("%s ended with %s; it is started again", self.name, ending(code))
            self._ending.wait(backoff.delay())

    def _start(self) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._ending.is_set():
                return None
            sink = None if self._output is None else self._output.open("ab")
            try:
                self._process = subprocess.Popen(
                    self._command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    start_new_session=True,
                )
            finally:
                if sink is not None:
                    sink.close()
            self.starts += 1
            return self._process


def ending(code: int) -> str:
    """An exit code in words.

    >>> ending(1), ending(-9)
    ('status 1', 'SIGKILL')
    """
    return f"status {code}" if code >= 0 else signal.Signals(-code).name
