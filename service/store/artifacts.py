"""Checkpoint bytes on disk, named by their own SHA-256: written whole or not at all, verified when read."""

import contextlib
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from models.errors import CorruptCheckpoint
from service.errors import DatabaseUnavailable, NotFound

PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """A directory of files `<search>/<run>/<sha256>`."""

    root: Path

    def put(self, search_id: str, run_id: int, sha256: str, data: bytes) -> None:
        """Store bytes durably: written beside, flushed to the disk, then renamed into place."""
        folder = self.root / search_id / str(run_id)
        partial = folder / f"{secrets.token_hex(8)}{PARTIAL}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(folder / sha256)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise DatabaseUnavailable(f"the checkpoint could not be stored: {error.strerror}; try again") from error

    def get(self, search_id: str, run_id: int, sha256: str) -> bytes:
        """The bytes again; `CorruptCheckpoint` when they are no longer those that were stored."""
        try:
            data = (self.root / search_id / str(run_id) / sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound("this server does not hold the checkpoint's bytes any more") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise CorruptCheckpoint("the stored checkpoint no longer has the checksum that it was stored under")
        return data

    def keep(self, search_id: str, run_id: int, checksums: set[str]) -> None:
        """Delete a run's files other than these; while any are kept, also not those that are just being written."""
        folder = self.root / search_id / str(run_id)
        if not checksums:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name not in checksums and file.suffix != PARTIAL:
                file.unlink(missing_ok=True)

    def forget(self, search_id: str) -> None:
        """Delete all files of a search."""
        shutil.rmtree(self.root / search_id, ignore_errors=True)
