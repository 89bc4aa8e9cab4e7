"""Names of a source's images, in a file: one JSON text a line, since a file's name may hold line breaks."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Names:
    """The file; iterating reads it anew."""

    path: Path

    def __iter__(self) -> Iterator[str]:
        with self.path.open(encoding="ascii") as file:
            for line in file:
                name: str = json.loads(line)
                yield name

    @contextmanager
    def writing(self) -> Iterator[Callable[[str], None]]:
        """A function that adds a name; at the end the file is there as a whole."""
        partial = self.path.with_suffix(".partial")
        with partial.open("w", encoding="ascii") as file:
            yield lambda name: print(json.dumps(name), file=file)
        partial.replace(self.path)


def printable(name: str) -> str:
    """A name of any bytes as text that every terminal and JSON reader takes.

    >>> printable("caf\\udce9.png")
    'caf\\\\udce9.png'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
