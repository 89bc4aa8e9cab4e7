"""What a worker may not say, and what it may say no longer."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.service.api.problem import assert_problem
from tests.service.fleet import Fleet, result

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"worker": "w"},
        {"worker": "", "process": "p"},
        {"worker": "w", "process": ""},
        {"worker": "w" * 201, "process": "p"},
        {"worker": "w", "process": "p" * 81},
        {"worker": 1, "process": "p"},
        {"worker": "w", "process": "p", "wait_seconds": 31},
        {"worker": "w", "process": "p", "wait_seconds": -1},
        {"worker": "w", "process": "p", "wait_seconds": "1"},
        {"worker": "w", "process": "p", "programs": "0123456789abcdef"},
        {"worker": "w", "process": "p", "programs": ["0123456789ABCDEF"]},
        {"worker": "w", "process": "p", "programs": ["0123456789abcdef0"]},
        {"worker": "w", "process": "p", "programs": ["0123456789abcdef"] * 129},
        {"worker": "w", "process": "p", "pack": 0},
        {"worker": "w", "process": "p", "pack": 17},
        {"worker": "w", "process": "p", "pack": "2"},
        {"worker": "w", "process": "p", "devices": [{"platform": "cpu"}]},
        {"worker": "w", "process": "p", "devices": [{"platform": "cpu", "kind": "x"}] * 65},
        {"worker": "w", "process": "p", "versions": {"jax": 1}},
        {"worker": "w", "process": "p", "token": "x"},
    ],
)
def test_an_asking_worker_must_say_who_it_is(client: TestClient, body: dict[str, Any]) -> None:
    assert_problem(client.post("/v1/leases", json=body), 422, "invalid-body")


METRICS = {
    "train_loss": 0.5,
    "train_accuracy": 0.9,
    "validation_loss": 0.6,
    "validation_accuracy": 0.8,
    "seconds": 1.0,
    "images_per_second": 10.0,
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("reports", {"epoch": 1, "metrics": {**METRICS, "validation_accuracy": 1.5}}),
        ("reports", {"epoch": 1, "metrics": {**METRICS, "seconds": -1}}),
        ("reports", {"epoch": 1, "metrics": {**METRICS, "train_loss": "0.5"}}),
        ("reports", {"epoch": 1, "metrics": {**METRICS, "extra": 0.5}}),
        ("reports", {"epoch": 1, "metrics": None}),
        ("reports", {"epoch": None, "metrics": METRICS}),
        ("reports", {"epoch": 0, "metrics": METRICS}),
        ("reports", {"epoch": 10_001, "metrics": METRICS}),
        ("finish", {"outcome": "perfect"}),
        ("finish", {"outcome": "completed"}),
        ("finish", {"outcome": "completed", "result": {**result(0.9).model_dump(), "accuracy": 1.1}}),
        ("finish", {"outcome": "completed", "result": {**result(0.9).model_dump(), "epochs": 2**31}}),
        ("finish", {"outcome": "failed", "reason": "x" * 81}),
        ("finish", {"outcome": "failed", "message": "x" * 4001}),
        ("release", {"reason": "bored"}),
        ("release", {}),
    ],
)
def test_what_a_worker_may_not_say_changes_nothing(
    client: TestClient, fleet: Fleet, path: str, body: dict[str, Any]
) -> None:
    fleet.submit()
    lease = fleet.must_lease()
    before = fleet.dump()
    answer = client.post(f"/v1/leases/{lease.id}/{path}", json={"lease_epoch": lease.epoch, **body})
    assert_problem(answer, 422, "invalid-body")
    assert fleet.dump() == before


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_loss_that_is_no_number_never_enters(client: TestClient, fleet: Fleet, literal: str) -> None:
    fleet.submit()
    lease = fleet.must_lease()
    body = json.dumps({"lease_epoch": lease.epoch, "epoch": 1, "metrics": {**METRICS, "train_loss": "@"}})
    answer = client.post(f"/v1/leases/{lease.id}/reports", content=body.replace('"@"', literal), headers=JSON)
    assert_problem(answer, 422, "invalid-body")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("reports", {}),
        ("reports", {"epoch": 1, "metrics": METRICS}),
        ("finish", {"outcome": "completed", "result": result(0.9).model_dump()}),
        ("release", {"reason": "crashed"}),
    ],
)
def test_a_stale_lease_is_a_409_with_its_own_word(
    client: TestClient, fleet: Fleet, path: str, body: dict[str, Any]
) -> None:
    fleet.submit()
    old = fleet.must_lease("w", "p1")
    fleet.must_lease("w", "p2")
    before = fleet.dump()
    answer = client.post(f"/v1/leases/{old.id}/{path}", json={"lease_epoch": old.epoch, **body})
    assert_problem(answer, 409, "lease-lost")
    assert fleet.dump() == before
