"""Checkpoint bytes on disk, named by their own SHA-256: written whole or not at all, verified when read."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from models.errors import CorruptCheckpoint
from service.errors import NotFound


@dataclass(frozen=True, slots=True)
class Artifacts:
    """A directory of files `<search>/<run>/<sha256>`."""

    root: Path

    def put(self, search_id: str, run_id: int, sha256: str, data: bytes) -> None:
        """Store bytes durably: written beside, flushed to the disk, then renamed into place."""
        folder = self.root / search_id / str(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{sha256}.{os.getpid()}.partial"
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / sha256)

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
        """Delete a run's files other than these."""
        folder = self.root / search_id / str(run_id)
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name not in checksums:
                file.unlink(missing_ok=True)
        if not checksums and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)

    def forget(self, search_id: str) -> None:
        """Delete all files of a search."""
        shutil.rmtree(self.root / search_id, ignore_errors=True)
