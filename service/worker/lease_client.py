"""The worker protocol as methods. One try each: the worker decides itself what waits and what is given up."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from service.client.connection import Connection, Document, checked, unreachable
from service.client.errors import ClientError

CHUNK_BYTES = 1 << 18  # of a checkpoint between two looks at the clock
NO_CONTENT = 204


class Damaged(ClientError):
    """The bytes of a checkpoint differ from their SHA-256."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """A checkpoint that the server holds: its 1-based epoch, SHA-256 (hexadecimal) and size in bytes."""

    epoch: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to train one run until `seconds` after the last report that the server took."""

    id: str
    epoch: int  # the fencing number, not an epoch of training
    seconds: float
    search: str
    trial: int
    role: str
    attempt: int
    job: Document
    network: str  # its key
    checkpoints: tuple[SavedState, ...]  # newest first
    upcoming: Document | None = None  # the network that will probably come next
    companions: tuple["Lease", ...] = ()  # of runs that differ in their seed alone

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Lease":
        """From the answer to POST /v1/leases."""
        return cls(
            id=str(document["id"]),
            epoch=int(document["lease_epoch"]),
            seconds=float(document["lease_seconds"]),
            search=str(document.get("search_name") or document["search_id"]),
            trial=int(document["trial_number"]),
            role=str(document["role"]),
            attempt=int(document["attempt"]),
            job=dict(document["job"]),
            network=str(document["trial"]["architecture"]["key"]),
            checkpoints=tuple(
                SavedState(int(row["epoch"]), str(row["sha256"]), int(row["size"])) for row in document["checkpoints"]
            ),
            upcoming=document.get("upcoming"),
            companions=tuple(cls.read(each) for each in document.get("companions", ())),
        )

    @property
    def title(self) -> str:
        """For the log."""
        return f"{self.search} trial {self.trial} ({self.role}, seed {self.job.get('seed')}, attempt {self.attempt})"


class LeaseClient:
    """What a worker says to the service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def server(self) -> str:
        """The address of the service."""
        return self._connection.server

    def lease(self, request: Mapping[str, Any], wait_seconds: float) -> Lease | None:
        """Ask for work; None when there was none for `wait_seconds`."""
        body = {**request, "wait_seconds": wait_seconds}
        timeout = httpx.Timeout(10.0 + wait_seconds, connect=5.0)
        response = self._connection.send("POST", "/v1/leases", json=body, timeout=timeout)
        return None if response.status_code == NO_CONTENT else Lease.read(response.json())

    def report(self, lease: Lease, epoch: int | None, metrics: Mapping[str, float] | None, timeout: float) -> Document:
        """Metrics of a 1-based epoch, or a heartbeat (None): {"command", "reason", "expires_at"}."""
        body = {"lease_epoch": lease.epoch, "epoch": epoch, "metrics": metrics}
        return self._post(lease, "reports", body, timeout)

    def finish(self, lease: Lease, outcome: Mapping[str, Any], timeout: float) -> Document:
        """The end of a run: outcome, reason, message, result."""
        return self._post(lease, "finish", {"lease_epoch": lease.epoch, **outcome}, timeout)

    def release(self, lease: Lease, reason: str, message: str | None, timeout: float) -> Document:
        """Give a run back unfinished."""
        return self._post(lease, "release", {"lease_epoch": lease.epoch, "reason": reason, "message": message}, timeout)

    def save(self, lease: Lease, state: SavedState, path: Path, between: Callable[[], None]) -> None:
        """Upload a checkpoint; `between` is called after each chunk and may end the upload by raising."""
        self._connection.send(
            "PUT",
            f"/v1/leases/{lease.id}/checkpoints/{state.epoch}",
            repeatable=False,
            params={"lease_epoch": lease.epoch},
            content=_chunks(path, between),
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(state.size),
                "X-Content-SHA256": state.sha256,
            },
        )

    def load(self, lease: Lease, state: SavedState, path: Path, between: Callable[[], None]) -> None:
        """Download a checkpoint into `path`; `Damaged` when the bytes are not those that were saved."""
        url = f"/v1/leases/{lease.id}/checkpoints/{state.epoch}?lease_epoch={lease.epoch}"
        digest = sha256()
        try:
            with self._connection.stream(url, {}, httpx.Timeout(10.0, connect=5.0)) as response:
                if not response.is_success:
                    response.read()
                checked(response, self.server)
                with path.open("wb") as file:
                    for chunk in response.iter_bytes(CHUNK_BYTES):
                        digest.update(chunk)
                        file.write(chunk)
                        between()
        except httpx.TransportError as error:
            raise unreachable(self.server, error) from None
        if digest.hexdigest() != state.sha256:
            raise Damaged(f"the checkpoint of epoch {state.epoch} differs from its SHA-256")

    def _post(self, lease: Lease, what: str, body: Document, timeout: float) -> Document:
        limit = httpx.Timeout(timeout, connect=min(timeout, 5.0))
        return self._connection.document("POST", f"/v1/leases/{lease.id}/{what}", json=body, timeout=limit)


def _chunks(path: Path, between: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
            between()
