"""How much memory this machine lets a process have, in bytes: what Linux says in files."""

import re
from collections.abc import Iterator
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")  # proc(5), cgroups(7)
KIB = 1024  # /proc/meminfo writes "kB" and means this (proc(5))


def host_memory(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """The machine's memory, or the lowest limit of this process's control groups; None where the system tells neither.

    Version 1 of the control groups writes "no limit" as a number beyond any memory, version 2 as `max`.
    """
    found = re.search(r"^MemTotal:\s*(\d+) kB$", _read(proc / "meminfo"), re.MULTILINE)
    limits = [int(found[1]) * KIB] if found else []
    texts = (_read(path).strip() for path in _limit_files(_read(proc / "self" / "cgroup"), cgroups))
    return min([*limits, *(int(text) for text in texts if text.isdigit())], default=None)


def _limit_files(memberships: str, root: Path) -> Iterator[Path]:
    """Those of the process's groups and of all groups around them. In a container the own group is the root."""
    for line in memberships.splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            top, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        place = Path(group.lstrip("/"))
        yield from (top / around / name for around in (place, *place.parents) if ".." not in around.parts)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
