"""What the directory of compiled programs holds, and how it is kept below a size.

A trainer trims the directory when it starts and whenever a job has added to it.
"""

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TRIMMED = 0.9  # of the limit is left by a trim, so that not every program that is added needs another


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the cache. `used` is when it was read or written last, in seconds since 1970."""

    path: Path
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class CacheContents:
    """How many files a cache holds, and of how many bytes together."""

    entries: int
    size: int


def holdings(directory: Path) -> CacheContents:
    """Of a cache; nothing where there is no directory."""
    sizes = [entry.size for entry in _entries(directory)]
    return CacheContents(len(sizes), sum(sizes))


def trim(directory: Path, limit: int) -> int:
    """Remove what was not used for longest until a cache of more than `limit` bytes is well below it; how many files.

    Other processes may read, write and trim at the same time: what one of them misses it compiles again. The time of
    reading is the file system's: most note the first one after a write and then one a day, which is enough here. Where
    none is noted (noatime) the oldest go first.
    """
    entries = sorted(_entries(directory), key=lambda entry: entry.used)
    size = sum(entry.size for entry in entries)
    goal = limit if size <= limit else int(TRIMMED * limit)
    removed = 0
    for entry in entries:
        if size <= goal:
            break
        entry.path.unlink(missing_ok=True)
        size -= entry.size
        removed += 1
    return removed


def _entries(directory: Path) -> Iterator[Entry]:
    """Also those in directories below."""
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process has trimmed meanwhile
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                yield Entry(path, status.st_size, max(status.st_atime, status.st_mtime))
