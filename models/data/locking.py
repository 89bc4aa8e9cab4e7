"""One process at a time may write a data set."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import InvalidDataset


@contextmanager
def locked(directory: Path, name: str, *, wait: bool) -> Iterator[None]:
    """Hold the data set of that name below `directory`; `InvalidDataset` when another does and `wait` is false."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f".{name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise InvalidDataset(f"another process is writing the data set {name!r}; wait until it is done") from None
        yield
