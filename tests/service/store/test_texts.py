"""Texts and numbers at the edges of what a column takes are stored whole or refused."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.context import ServiceContext
from tests.service.api.problem import assert_problem
from tests.service.fleet import SPEC, Fleet

LONGEST = {"name": 200, "label": 200, "worker": 200, "process": 80, "reason": 80, "message": 4000, "key": 200}
WIDE = "𝔼"  # four bytes in UTF-8, and one character of a limit


@pytest.fixture
def client(context: ServiceContext) -> Iterator[TestClient]:
    """The context over HTTP, on loopback."""
    with TestClient(create_app(context), base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.mark.parametrize("character", ["x", WIDE, "'", "%", "\\", "\n", "\u202e"])
def test_the_longest_texts_come_back_whole(client: TestClient, fleet: Fleet, character: str) -> None:
    texts = {name: character * length for name, length in LONGEST.items()}
    body = {**SPEC, "trials": 1, "name": texts["name"], "labels": {texts["label"]: texts["label"]}}
    submitted = client.post("/v1/searches", json=body)
    assert submitted.status_code == 201
    search = submitted.json()["id"]
    ask = {"worker": texts["worker"], "process": texts["process"], "versions": {texts["label"]: texts["label"]}}
    lease = client.post("/v1/leases", json=ask).json()
    assert client.post("/v1/leases", json=ask).json()["id"] == lease["id"]
    end = {"outcome": "failed", "reason": texts["reason"], "message": texts["message"]}
    answer = client.post(f"/v1/leases/{lease['id']}/finish", json={"lease_epoch": lease["lease_epoch"], **end})
    assert answer.json() == {"state": "failed"}
    shown = client.get(f"/v1/searches/{search}").json()
    assert (shown["name"], shown["labels"]) == (texts["name"], {texts["label"]: texts["label"]})
    trial = client.get(f"/v1/searches/{search}/trials/0").json()
    assert (trial["reason"], trial["message"]) == (texts["reason"], texts["message"])
    assert trial["runs"][0]["attempts"][0]["worker"] == texts["worker"]
    found = client.get("/v1/searches", params={"name": texts["name"]}).json()["items"]
    assert [item["id"] for item in found] == [search]


def test_a_text_that_an_engine_does_not_take_is_refused_and_changes_nothing(client: TestClient, fleet: Fleet) -> None:
    """PostgreSQL has no NUL in texts. SQLite has, and gives it back."""
    fleet.submit(trials=1)
    lease = fleet.must_lease()
    address, epoch = f"/v1/leases/{lease.id}", {"lease_epoch": lease.epoch}
    requests = [
        ("/v1/searches", {**SPEC, "name": "a\0b"}),
        (f"{address}/release", {**epoch, "reason": "crashed", "message": "a\0b"}),
        ("/v1/leases", {"worker": "a\0b", "process": "p"}),
    ]
    takes = fleet.context.engine.dialect.name == "sqlite"
    for path, body in requests:
        before = fleet.dump()
        answer = client.post(path, json=body)
        if takes:
            assert answer.is_success
        else:
            assert_problem(answer, 422, "unstorable")
            assert fleet.dump() == before
    assert client.get("/v1/searches", params={"name": "a\0b"}).status_code == (200 if takes else 422)
    for path in ("/v1/searches/a%00b", "/v1/searches/a%00b/trials", "/v1/searches/a%00b/leaderboard"):
        assert_problem(client.get(path), 404 if takes else 422)


def test_the_largest_numbers_are_stored(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(trials=1, seed=2**31 - 1, finalists={"count": 1, "seeds": 2}, priority=-1000)
    lease = client.post("/v1/leases", json={"worker": "w", "process": "p"}).json()
    assert lease["job"]["seed"] == 2**31 - 1
    metrics = {
        "train_loss": 1.7e308,
        "train_accuracy": 1.0,
        "validation_loss": -1.7e308,
        "validation_accuracy": 5e-324,
        "seconds": 1e9,
        "images_per_second": 1e9,
    }
    report = {"lease_epoch": lease["lease_epoch"], "epoch": 10_000, "metrics": metrics}
    assert client.post(f"/v1/leases/{lease['id']}/reports", json=report).status_code == 200
    detail = client.get(f"/v1/searches/{search}/trials/0").json()
    assert {**detail["runs"][0]["history"][0], "compile_seconds": None} == {
        "epoch": 10_000,
        **metrics,
        **dict.fromkeys(("balanced_accuracy", "macro_f1", "compile_seconds")),
    }
