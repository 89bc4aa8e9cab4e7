"""A digest of the sources of `models`: numbers may change with any of them."""

import hashlib
from functools import cache
from pathlib import Path

KINDS = ("*.py", "*.h", "*.cc")


@cache
def digest() -> str:
    """SHA-256 over all sources of `models`, in 64 hexadecimal digits."""
    folder = Path(__file__).parents[1]
    found = hashlib.sha256()
    for source in sorted(path for kind in KINDS for path in folder.rglob(kind)):
        found.update(str(source.relative_to(folder)).encode() + source.read_bytes())
    return found.hexdigest()
