"""The trainer process as its worker sees it: start, send, kill, and its last lines."""

import json
import logging
import os
import signal
import subprocess
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO, cast

from models.child_process import child_command
from service.trainer.channel import Message, encoded

LAST_LINES = 5  # of standard error that go into the message about a crash
LINE_CHARACTERS = 200
EXIT_SECONDS = 10.0  # a killed process that lingers longer hangs in the kernel; nothing can be done

log = logging.getLogger("effscale.worker")


@dataclass(frozen=True, slots=True)
class TrainerMessage:
    """A message of the trainer."""

    message: Message


@dataclass(frozen=True, slots=True)
class TrainerExit:
    """A trainer process has ended. `pid` says which, `message` how and with which last lines."""

    pid: int
    message: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The worker itself has been told to end (SIGTERM, SIGINT)."""


Event = TrainerMessage | TrainerExit | Stop
Inbox = SimpleQueue[Event]


class TrainerProcess:
    """One trainer process. What it says, and that it died, arrives in the inbox."""

    def __init__(self, inbox: Inbox, compile_cache: Path, cache_bytes: int, data_dir: Path, memory: int | None) -> None:
        self._inbox = inbox
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        command = child_command("service.trainer.trainer", "--parent", str(os.getpid()))
        command += ["--compile-cache", str(compile_cache), "--compile-cache-bytes", str(cache_bytes)]
        command += [] if memory is None else ["--memory-limit-bytes", str(memory)]
        self._process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the worker alone
        )
        self._stdin = cast(IO[bytes], self._process.stdin)  # a pipe was asked for, so there is one
        errors = threading.Thread(target=self._copy_log, args=(self._process.stderr,), daemon=True)
        errors.start()
        threading.Thread(target=self._read_messages, args=(self._process.stdout, errors), daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def send(self, message: Message) -> None:
        """An order or an answer. To a dead trainer it is lost; the inbox tells of the death."""
        try:
            self._stdin.write(encoded(message))
            self._stdin.flush()
        except BrokenPipeError:
            log.debug("the trainer %d is gone", self.pid)

    def kill(self) -> None:
        """End it now, whatever it does."""
        if self.alive:
            self._process.kill()
        self._process.wait(EXIT_SECONDS)

    def _read_messages(self, pipe: IO[bytes], errors: threading.Thread) -> None:
        for line in pipe:
            try:
                self._inbox.put(TrainerMessage(json.loads(line)))
            except ValueError:  # cut off by its death
                log.debug("the trainer %d said half a line", self.pid)
        code = self._process.wait()
        errors.join(EXIT_SECONDS)
        self._inbox.put(TrainerExit(self.pid, exit_message(code, list(self._last))))

    def _copy_log(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            text = line.decode(errors="replace").rstrip()
            if text:
                self._last.append(text[:LINE_CHARACTERS])
                log.info("trainer: %s", text)


def exit_message(code: int, lines: list[str]) -> str:
    """How a process ended, for a person.

    >>> exit_message(-11, ["Fatal Python error: Segmentation fault"])
    'the training process was ended by SIGSEGV; its last lines: Fatal Python error: Segmentation fault'
    """
    how = f"exited with status {code}"
    if code < 0:
        try:
            how = f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            how = f"was ended by signal {-code}"
        if -code == signal.SIGKILL:
            how += " (when memory is short, the kernel does that)"
    text = f"; its last lines: {' | '.join(lines)}" if lines else ""
    return f"the training process {how}{text}"
