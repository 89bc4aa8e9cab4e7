"""Where a worker keeps compiled programs and scratch files between processes."""

import os
import re
import stat
from pathlib import Path


def user_cache() -> Path:
    """The user's cache directory for effscale (XDG Base Directory specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "effscale"


def private(path: Path) -> Path:
    """The directory, made if need be, that only its owner may read or write (mode 0700).

    Compiled programs are machine code that is run as it is: a directory of somebody else's raises `PermissionError`.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(
            f"{path} must be a directory of the user who runs the worker; set EFFSCALE_COMPILE_CACHE_DIR"
        )
    if stat.S_IMODE(status.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def file_name(name: str) -> str:
    """A worker's name as the name of a directory.

    >>> file_name("gpu/3 (left)")
    'gpu_3__left_'
    """
    return re.sub(r"[^A-Za-z0-9.-]", "_", name).lstrip(".") or "worker"
