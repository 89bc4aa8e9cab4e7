"""In the trainer: compiling what will probably be trained next, while something else is trained."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.trainer.channel import Message

NICE = 19  # the lowest priority there is: the training comes first (setpriority(2))


class CompileAhead:
    """A thread that prepares the latest request, one at a time. What goes wrong in it is logged and harms nothing.

    It is a daemon: whoever ends the process does not wait for a compilation.
    """

    def __init__(self, prepare: Callable[[Message], None]) -> None:
        self._prepare = prepare
        self._requested: Message | None = None
        self._held = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def request(self, order: Message) -> None:
        """Prepare this instead of what was requested before and is not begun."""
        with self._changed:
            self._requested = order
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
                self._thread.start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Begin nothing until this ends, and forget what was requested before: another job has come instead."""
        with self._changed:
            self._held, self._requested = True, None
        try:
            yield
        finally:
            with self._changed:
                self._held = False
                self._changed.notify()

    def _run(self) -> None:
        if sys.platform == "linux":  # where a thread has a priority of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while True:
            order = self._next()
            try:
                self._prepare(order)
            except Exception as error:  # noqa: BLE001 whatever it is, the training will meet it and say so
                print(f"nothing was compiled ahead: {type(error).__name__}: {error}", file=sys.stderr)

    def _next(self) -> Message:
        with self._changed:
            while self._held or self._requested is None:
                self._changed.wait()
            order, self._requested = self._requested, None
            return order
