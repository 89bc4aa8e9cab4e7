"""The trainer's end of its two pipes: JSON lines in from the worker, JSON lines out to it."""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

ORPHANED = 3  # exit status of a trainer whose worker has died

Message = dict[str, Any]


class Channel:
    """Messages to and from the worker. A thread reads; when the pipe ends, the worker is dead and so are we.

    A message to `do` what is in `asides` does not wait its turn: the reading thread hands it on at once.
    """

    def __init__(self, source: TextIO, sink: TextIO) -> None:
        self.asides: dict[str, Callable[[Message], None]] = {}
        self._sink = sink
        self._saying = threading.Lock()
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        threading.Thread(target=self._read, args=(source,), name="inbox", daemon=True).start()

    def send(self, what: str, **fields: object) -> None:
        """Send one message, from any thread. A number that is not finite raises ValueError: JSON has none."""
        line = json.dumps({"say": what, **fields}, allow_nan=False) + "\n"
        with self._saying:
            self._sink.write(line)
            self._sink.flush()

    def next(self) -> Message:
        """The next message; waits for it."""
        return self._inbox.get()

    def answer(self, job: int) -> dict[int, str]:
        """How each run of this job goes on: continue, stop or drain; one that is not named is abandoned.

        Answers to older jobs are dropped.
        """
        while True:
            message = self._inbox.get()
            if message.get("job") == job:
                return {int(run): str(command) for run, command in message["commands"].items()}

    def _read(self, source: TextIO) -> None:
        for line in source:
            message = json.loads(line)
            self.asides.get(message["do"], self._inbox.put)(message)
        os._exit(ORPHANED)  # at once, from this thread: the main one may be deep inside a compiled program


def claim_standard_streams() -> Channel:
    """The channel on standard input and output; what anyone prints from now on goes to standard error."""
    source = os.fdopen(os.dup(0), "r", encoding="utf-8")
    sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Channel(source, sink)


def encoded(message: Mapping[str, object]) -> bytes:
    """One message as a line of JSON."""
    return (json.dumps(message, allow_nan=False) + "\n").encode()
