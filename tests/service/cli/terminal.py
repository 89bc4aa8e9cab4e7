"""A terminal for commands that are run in this process: a real pseudo-terminal of a chosen width."""

import fcntl
import os
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

ROWS = 50


class Screen:
    """What was written to a terminal."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @property
    def text(self) -> str:
        """All of it; lines end as in a file."""
        return b"".join(self._pieces).decode().replace("\r\n", "\n")

    def read(self, source: int) -> None:
        """Collect until the other end is closed."""
        while True:
            try:
                piece = os.read(source, 65_536)
            except OSError:  # EIO: nobody holds the terminal any more
                return
            if not piece:
                return
            self._pieces.append(piece)


@contextmanager
def terminal(columns: int) -> Iterator[Screen]:
    """Standard output is a terminal meanwhile; afterwards the screen holds what was written."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    screen = Screen()
    reader = threading.Thread(target=screen.read, args=(ours,))
    reader.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        output = os.fdopen(theirs, "w", encoding="utf-8")
        patch.setattr(sys, "stdout", output)
        try:
            yield screen
        finally:
            output.close()
            reader.join()
            os.close(ours)
