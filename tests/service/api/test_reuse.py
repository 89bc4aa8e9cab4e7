"""What was trained before, as people and programs see it over HTTP."""

import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api import settlement
from service.api.responses import resources
from service.api.routes import leases
from tests.service.api.test_responses import RESULT as PLAIN_RESULT
from tests.service.fleet import SPEC, Fleet

SHARED: dict[str, Any] = {**SPEC, "trials": 3, "parallelism": 1, "reuse": True, "finalists": {"count": 1, "seeds": 2}}
ASK = {"worker": "w", "process": "p", "devices": [{"platform": "cpu", "kind": "old cpu"}], "versions": {"jax": "0"}}
RESULT = {**PLAIN_RESULT, "dataset_hash": "a" * 64, "test_accuracy": 0.9, "latency_ms": 1.5}


def submit(client: TestClient) -> str:
    return str(client.post("/v1/searches", json=SHARED).json()["id"])


def work(client: TestClient) -> int:
    """Play a worker until there is no work; how many trainings it did."""
    done = 0
    while (answer := client.post("/v1/leases", json=ASK)).status_code == 200:
        lease = answer.json()
        body = {"lease_epoch": lease["lease_epoch"], "outcome": "completed", "result": RESULT}
        assert client.post(f"/v1/leases/{lease['id']}/finish", json=body).status_code == 200
        done += 1
    assert answer.status_code == 204
    return done


def test_a_search_of_known_networks_ends_in_the_answer_that_there_is_no_work(client: TestClient) -> None:
    first = submit(client)
    assert work(client) == 3 + 2
    second = submit(client)
    assert work(client) == 0
    search = client.get(f"/v1/searches/{second}").json()
    assert (search["state"], search["progress"], search["device_seconds"]) == ("succeeded", 1.0, 0.0)
    assert (search["trials"]["cached"], search["trials"]["completed"]) == (3, 0)
    assert search["runs"] == {"planned": 5, "finished": 5}
    assert search["best"]["cached_from"] == f"{first}/{search['best']['number']}/0"
    resources.SearchOut.model_validate(search, strict=True)
    best = client.get(f"/v1/searches/{second}/trials/{search['best']['number']}").json()
    resources.TrialDetailOut.model_validate(best, strict=True)
    assert [run["state"] for run in best["runs"]] == ["cached"] * 3
    assert best["test_accuracy"] == 0.9
    assert len(client.get(f"/v1/searches/{second}/leaderboard?pareto=true").json()["items"]) == 1
    assert len(client.get(f"/v1/searches/{second}/trials?state=cached").json()["items"]) == 3
    assert 'effscale_runs{state="cached"} 5.0' in client.get("/metrics").text


def test_exports_tell_which_machine_trained_even_when_the_source_is_gone(client: TestClient) -> None:
    first = submit(client)
    work(client)
    second = submit(client)
    work(client)
    expected = client.get(f"/v1/searches/{first}/export").json()
    assert client.delete(f"/v1/searches/{first}").status_code == 204
    config = client.get(f"/v1/searches/{second}/export").json()
    assert config["winner"]["state"] == "cached"
    for name in ("device", "versions"):
        assert config["provenance"][name] == expected["provenance"][name] != []
    assert config["evidence"]["dataset_hash"] == "a" * 64
    assert config["evidence"]["test_accuracy"] == 0.9
    table = list(csv.DictReader(io.StringIO(client.get(f"/v1/searches/{second}/export?format=csv").text)))
    assert [row["cached_from"] for row in table] == [f"{first}/{number}/0" for number in range(3)]


def test_known_networks_need_no_worker_and_unknown_ones_are_left_to_one(client: TestClient, fleet: Fleet) -> None:
    first = submit(client)
    work(client)
    second = submit(client)  # the background task has run when the test's client returns
    assert client.get(f"/v1/searches/{second}").json()["state"] == "succeeded"
    longer = str(client.post("/v1/searches", json={**SHARED, "trials": 5}).json()["id"])
    assert [trial.state for trial in fleet.trials(longer)] == ["cached"] * 3
    row = fleet.search(longer)
    assert (row.state, row.proposed, row.active, row.waiting) == ("running", 3, 0, 0)
    alone = str(client.post("/v1/searches", json={**SHARED, "reuse": False}).json()["id"])
    assert (fleet.search(alone).state, fleet.search(alone).proposed) == ("queued", 0)
    assert first != second


def test_who_waits_for_an_equal_training_is_told_by_its_end(client: TestClient, fleet: Fleet) -> None:
    one = {**SHARED, "trials": 1, "finalists": {"count": 0}}
    first, second = (str(client.post("/v1/searches", json={**one, "name": name}).json()["id"]) for name in "ab")
    lease = client.post("/v1/leases", json=ASK).json()
    assert client.post("/v1/leases", json={**ASK, "worker": "other"}).status_code == 204
    assert {fleet.search(search).proposed for search in (first, second)} == {1}
    body = {"lease_epoch": lease["lease_epoch"], "outcome": "completed", "result": RESULT}
    client.post(f"/v1/leases/{lease['id']}/finish", json=body)
    assert [fleet.search(search).state for search in (first, second)] == ["succeeded"] * 2
    assert sorted(fleet.trials(search)[0].state for search in (first, second)) == ["cached", "completed"]


def test_what_became_known_during_a_pause_is_taken_over_at_its_end(client: TestClient, fleet: Fleet) -> None:
    one = {**SHARED, "trials": 1, "finalists": {"count": 0}}
    paused = str(client.post("/v1/searches", json=one).json()["id"])
    client.post(f"/v1/searches/{paused}/pause")
    client.post("/v1/searches", json=one)
    assert work(client) == 1
    client.post(f"/v1/searches/{paused}/resume")
    assert fleet.search(paused).state == "succeeded"


def test_a_request_settles_so_many_and_the_next_goes_on(
    client: TestClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SETTLED_AT_ONCE", 2)
    monkeypatch.setattr(settlement, "AT_ONCE", 0)
    submit(client)
    work(client)
    second = submit(client)
    settled = []
    for _ in range(3):
        assert client.post("/v1/leases", json=ASK).status_code == 204
        settled.append(sum(run.state == "cached" for run in fleet.runs(second)))
    assert settled == [2, 4, 5]
