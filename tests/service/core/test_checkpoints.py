"""Checkpoints over HTTP: two are kept, every byte is checked, and only the holder of the lease touches them."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy.orm import Session

from service.api.app import create_app
from service.api.context import ServiceContext
from service.api.routes import leases as routes
from service.store.tables import RunRow
from tests.conftest import Clock
from tests.service.fleet import Fleet, result

Document = dict[str, Any]


@pytest.fixture
def client(context: ServiceContext) -> Iterator[TestClient]:
    """The context over HTTP, on loopback."""
    with TestClient(create_app(context), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def lease(fleet: Fleet, client: TestClient) -> Document:
    """A lease on the only trial of a search."""
    fleet.submit(trials=1)
    return take(client)


def take(client: TestClient, worker: str = "w", process: str = "p1") -> Document:
    answer = client.post("/v1/leases", json={"worker": worker, "process": process})
    assert answer.status_code == 200
    document: Document = answer.json()
    return document


def put(client: TestClient, lease: Document, epoch: int, data: bytes, sha256: str | None = None) -> Response:
    headers = {"X-Content-SHA256": sha256 or hashlib.sha256(data).hexdigest()}
    answer: Response = client.put(address(lease, epoch), content=data, headers=headers)
    return answer


def address(lease: Document, epoch: int) -> str:
    return f"/v1/leases/{lease['id']}/checkpoints/{epoch}?lease_epoch={lease['lease_epoch']}"


def files(context: ServiceContext) -> list[Path]:
    return sorted(path for path in context.artifacts.root.rglob("*") if path.is_file())


def assert_problem(answer: Response, status: int, code: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_was_stored_comes_back(client: TestClient, lease: Document) -> None:
    data = bytes(range(256)) * 1000
    assert put(client, lease, 3, data).status_code == 204
    answer = client.get(address(lease, 3))
    assert answer.content == data
    assert answer.headers["x-content-sha256"] == hashlib.sha256(data).hexdigest()
    assert put(client, lease, 3, data).status_code == 204  # its answer was lost: the worker sends it again
    assert client.get(address(lease, 3)).content == data


def test_the_newest_two_are_kept_and_offered_newest_first(
    client: TestClient, lease: Document, context: ServiceContext
) -> None:
    for epoch in range(1, 6):
        assert put(client, lease, epoch, f"state {epoch}".encode()).status_code == 204
    assert len(files(context)) == 2
    client.post(f"/v1/leases/{lease['id']}/release", json={"lease_epoch": lease["lease_epoch"], "reason": "drain"})
    again = take(client, "other")
    assert [(saved["epoch"], saved["size"]) for saved in again["checkpoints"]] == [(5, 7), (4, 7)]
    for saved in again["checkpoints"]:
        data = client.get(address(again, saved["epoch"])).content
        assert hashlib.sha256(data).hexdigest() == saved["sha256"]
    assert_problem(client.get(address(again, 3)), 404, "not-found")


@pytest.mark.parametrize("damage", ["bit", "truncated", "emptied", "deleted"])
def test_damage_on_the_disk_is_told(client: TestClient, lease: Document, context: ServiceContext, damage: str) -> None:
    put(client, lease, 1, b"older state")
    put(client, lease, 2, b"newer state")
    name = hashlib.sha256(b"newer state").hexdigest()
    (path,) = [path for path in files(context) if path.name == name]
    match damage:
        case "bit":
            path.write_bytes(b"newer statf")
        case "truncated":
            path.write_bytes(b"newer")
        case "emptied":
            path.write_bytes(b"")
        case "deleted":
            path.unlink()
    answer = client.get(address(lease, 2))
    assert_problem(answer, *((404, "not-found") if damage == "deleted" else (422, "corrupt-checkpoint")))
    assert client.get(address(lease, 1)).content == b"older state"  # what the worker falls back to


def test_bytes_that_differ_from_their_checksum_are_refused(
    client: TestClient, lease: Document, context: ServiceContext
) -> None:
    before = Fleet(context).dump()
    answer = put(client, lease, 1, b"state", hashlib.sha256(b"other").hexdigest())
    assert_problem(answer, 422, "bad-content")
    assert files(context) == []
    assert Fleet(context).dump() == before


@pytest.mark.parametrize("sha256", ["", "abc", "../" * 21 + "a", "G" * 64, "a" * 65])
def test_a_checksum_that_is_none_is_refused(
    client: TestClient, lease: Document, context: ServiceContext, sha256: str
) -> None:
    answer = client.put(address(lease, 1), content=b"state", headers={"X-Content-SHA256": sha256})
    assert_problem(answer, 422, "invalid-body")
    assert files(context) == []


@pytest.mark.parametrize("epoch", ["0", "-1", "10001", "99999999999999999999", "x"])
def test_an_epoch_that_is_none_is_refused(client: TestClient, lease: Document, epoch: str) -> None:
    url = f"/v1/leases/{lease['id']}/checkpoints/{epoch}?lease_epoch=1"
    assert_problem(client.put(url, content=b"", headers={"X-Content-SHA256": "0" * 64}), 422, "invalid-body")
    assert_problem(client.get(url), 422, "invalid-body")


def test_a_zombie_neither_writes_nor_reads(client: TestClient, lease: Document, context: ServiceContext) -> None:
    put(client, lease, 1, b"state")
    take(client, "w", "p2")
    before, stored = Fleet(context).dump(), files(context)
    assert_problem(put(client, lease, 2, b"zombie"), 409, "lease-lost")
    assert_problem(client.get(address(lease, 1)), 409, "lease-lost")
    assert Fleet(context).dump() == before
    assert files(context) == stored


def test_a_lease_does_not_change_hands_while_a_checkpoint_is_recorded(
    client: TestClient, lease: Document, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look at the lease and the commit nobody takes over."""
    taken, looks, held = threading.Event(), [], routes._held

    def take_over() -> None:
        fleet.must_lease("w", "p2")
        taken.set()

    rival = threading.Thread(target=take_over)

    def look(session: Session, lease_id: str, lease_epoch: int) -> RunRow:
        run = held(session, lease_id, lease_epoch)
        looks.append(run)
        if len(looks) == 2:  # the second look is the one before the commit
            rival.start()
            assert not taken.wait(0.5)
        return run

    monkeypatch.setattr(routes, "_held", look)
    assert put(client, lease, 1, b"state").status_code == 204
    rival.join(20)
    assert taken.is_set()
    assert len(fleet.dump()["effscale_checkpoints"]) == 1


def test_storing_renews_the_lease(client: TestClient, lease: Document, context: ServiceContext, clock: Clock) -> None:
    clock.advance(29)
    put(client, lease, 1, b"state")
    clock.advance(29)
    assert context.sweep() == 0


@pytest.mark.parametrize("end", ["finish", "cancel", "quarantine", "silence", "delete"])
def test_nothing_is_left_on_the_disk(
    client: TestClient, lease: Document, context: ServiceContext, clock: Clock, fleet: Fleet, end: str
) -> None:
    put(client, lease, 1, b"state")
    put(client, lease, 2, b"state")
    assert files(context) != []
    base, body = f"/v1/leases/{lease['id']}", {"lease_epoch": lease["lease_epoch"]}
    match end:
        case "finish":
            answer = {**body, "outcome": "completed", "result": result(0.9).model_dump()}
            assert client.post(f"{base}/finish", json=answer).json() == {"state": "completed"}
        case "cancel":
            client.post(f"/v1/searches/{lease['search_id']}/cancel")
        case "quarantine":
            for _ in range(3):
                client.post(f"{base}/release", json={**body, "reason": "crashed"})
                if Fleet(context).trials(lease["search_id"])[0].state == "quarantined":
                    break
                lease = take(client)
                base, body = f"/v1/leases/{lease['id']}", {"lease_epoch": lease["lease_epoch"]}
        case "silence":
            for attempt in range(3):
                fleet.lease(f"w{attempt}", "p")
                clock.advance(31)
                context.sweep()
        case "delete":
            client.post(f"/v1/searches/{lease['search_id']}/cancel")
            assert client.delete(f"/v1/searches/{lease['search_id']}").status_code == 204
    assert files(context) == []
    assert Fleet(context).dump()["effscale_checkpoints"] == []


def test_a_full_disk_is_a_503_and_leaves_no_half_file(
    client: TestClient, lease: Document, context: ServiceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.store.artifacts.os.fsync", full)
    answer = put(client, lease, 1, b"state")
    assert answer.status_code == 503
    assert answer.headers["retry-after"].isdigit()
    assert "No space left on device" in answer.json()["detail"]
    assert files(context) == []
    monkeypatch.undo()
    assert put(client, lease, 1, b"state").status_code == 204
