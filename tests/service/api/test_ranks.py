"""Who has a rank: what was trained to the end, and what was pruned; nothing else, whatever it came to on the way."""

import csv
import io

import pytest
from fastapi.testclient import TestClient

from service.api.context import ServiceContext
from service.api.keys import LOCAL
from tests.service.fleet import Fleet, result


@pytest.fixture
def search(client: TestClient, context: ServiceContext) -> str:
    """One trial of each end, all of which reported a high accuracy first: completed, pruned, diverged, …"""
    fleet = Fleet(context)
    search = fleet.submit(owner=LOCAL.owner, trials=5, pruner={"name": "asha", "min_epochs": 2})
    leases = [fleet.must_lease(f"w{number}") for number in range(5)]
    for lease, value in zip(leases, (0.6, 0.5, 0.99, 0.98, 0.97), strict=True):
        fleet.report(lease, 1, value)
    fleet.finish(leases[0], 0.7)
    ended = {"outcome": "failed", "reason": "diverged", "result": result(0.99).model_dump()}
    body = {"lease_epoch": leases[2].epoch, **ended}
    assert client.post(f"/v1/leases/{leases[2].id}/finish", json=body).status_code == 200
    for _ in range(context.terms.max_attempts - 1):
        fleet.release(leases[3])
        leases[3] = fleet.must_lease("w3")
    fleet.release(leases[3])
    fleet.finish(leases[1], 0.5, "pruned")
    fleet.change(search, "cancel")
    return search


def test_diverged_quarantined_and_cancelled_trials_have_no_rank(client: TestClient, search: str) -> None:
    board = client.get(f"/v1/searches/{search}/leaderboard").json()["items"]
    assert [(trial["state"], trial["rank"]) for trial in board] == [
        ("completed", 1),
        ("pruned", 2),
        ("failed", None),
        ("quarantined", None),
        ("cancelled", None),
    ]
    for sort in ("number", "-best_accuracy", "macs"):
        found = client.get(f"/v1/searches/{search}/leaderboard", params={"sort": sort}).json()["items"]
        assert {trial["state"] for trial in found if trial["rank"] is not None} == {"completed", "pruned"}
    shown = client.get(f"/v1/searches/{search}").json()
    assert (shown["best"]["number"], shown["best"]["rank"]) == (0, 1)


def test_what_has_no_rank_has_no_accuracy_in_a_table_either(client: TestClient, search: str) -> None:
    text = client.get(f"/v1/searches/{search}/export", params={"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert "rank" not in rows[0]
    assert {row["state"] for row in rows if row["accuracy"]} == {"completed", "pruned"}
