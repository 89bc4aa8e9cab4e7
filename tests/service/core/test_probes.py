"""The probe at another phi: after the finals, in no rank, and what it says."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.exports.verify import from_export
from service.api.app import create_app
from service.api.context import ServiceContext
from tests.conftest import Clock
from tests.service.fleet import Fleet, Lease

ASKED: dict[str, Any] = {
    "trials": 4,
    "finalists": {"count": 2, "seeds": 2},
    "transfer": {"phi": 2.0, "count": 2, "seeds": 2},
    "seed": 10,
}
ROLES = ["search"] * 4 + ["final"] * 4 + ["probe"] * 4


@pytest.fixture
def client(context: ServiceContext) -> TestClient:
    """The context over HTTP, on loopback."""
    return TestClient(create_app(context), base_url="http://127.0.0.1")


def accuracy(lease: Lease, *, probes: float = 0.0) -> float:
    """Better with each number; `probes` is what a probe adds for each."""
    return 0.5 + 0.05 * lease.number if lease.role != "probe" else 0.5 + probes * lease.number


def board(client: TestClient, path: str) -> list[tuple[int, float]]:
    """The leaderboard's numbers and accuracies."""
    return [(trial["number"], trial["accuracy"]) for trial in client.get(f"{path}/leaderboard").json()["items"]]


def to_the_probe(fleet: Fleet) -> Lease:
    """Finish all but the probes; the first lease of them."""
    while (lease := fleet.must_lease()).role != "probe":
        fleet.finish(lease, accuracy(lease))
    return lease


def test_the_life_of_a_probe(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**ASKED)
    path = f"/v1/searches/{search}"
    planned = client.get(path).json()
    assert planned["plan"]["runs"] == {"search": 4, "final": 4, "probe": 4, "control": 0}
    assert planned["runs"] == {"planned": 12, "finished": 0}
    assert planned["transfer"]["networks"] == []
    lease = to_the_probe(fleet)
    ranked = board(client, path)
    assert (fleet.search(search).state, len(ranked)) == ("finalizing", 4)
    roles = ["search"] * 4 + ["final"] * 4
    while True:
        roles.append(lease.role)
        fleet.finish(lease, accuracy(lease, probes=0.02))
        if (following := fleet.lease()) is None:
            break
        lease = following
    assert roles == ROLES
    found = client.get(path).json()
    assert (found["state"], found["progress"]) == ("succeeded", 1.0)
    assert found["runs"] == {"planned": 12, "finished": 12}
    assert found["trials"]["planned"] == found["trials"]["completed"] == 4
    assert board(client, path) == ranked  # the probe changes nothing of it
    everything = client.get(f"{path}/trials").json()["items"]
    assert [(trial["phi"], trial["probe"]) for trial in everything[4:]] == [(2.0, True)] * 2
    told = found["transfer"]
    assert [row["number"] for row in told["networks"]] == [3, 2]
    assert [row["probe_seeds"] for row in told["networks"]] == [2, 2]
    # the best finalist's probe was built first, so it has the lower number and the lower accuracy
    assert [row["probe"] for row in told["networks"]] == [4, 5]
    assert (told["tau_b"], told["transfers"]) == (-1.0, False)
    assert found["statement"].endswith(told["message"])
    config = from_export(client.get(f"{path}/export").text)
    assert config["evidence"]["transfer"] == told
    assert config["winner"]["number"] == 3
    assert client.get(f"{path}/export?format=csv").text.count(",2.0,") >= 2
    learns = fleet.submit(**{**ASKED, "warm_start": {"searches": [search]}})
    known = fleet.search(learns).spec["warm_start"]["trials"]
    assert len(known) == 4  # of this phi alone
    pictured = json.dumps(client.get(f"{path}/plots/history").json()["data"])
    assert "Trial 4" not in pictured
    assert "Trial 3" in pictured


def test_a_job_of_a_probe_is_its_own_network_at_its_own_size(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**ASKED)
    to_the_probe(fleet)
    lease = client.post("/v1/leases", json={"worker": "w", "process": "p1"}).json()  # the one it holds, again
    row = next(trial for trial in fleet.trials(search) if trial.number == lease["trial_number"])
    job = lease["job"]
    assert (lease["role"], row.phi, job["depths"], job["resolution"]) == ("probe", 2.0, row.depths, row.resolution)
    assert job["dataset_px"] == max(trial.resolution for trial in fleet.trials(search)[4:])
    assert (job["evaluate_test"], job["measure_latency"]) == (False, False)
    assert (row.state, row.reference, row.finalist) == ("running", False, False)


def test_a_probe_survives_what_other_runs_survive(client: TestClient, fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(**ASKED)
    lease = to_the_probe(fleet)
    clock.advance(fleet.context.settings.lease_seconds + 1)  # its worker died
    again = fleet.must_lease("other")
    assert (again.run, again.epoch) == (lease.run, lease.epoch + 1)
    fleet.change(search, "pause")
    assert fleet.heartbeat(again) == "drain"
    fleet.release(again, "drain")
    fleet.change(search, "resume")
    assert fleet.search(search).state == "finalizing"
    assert {lease.role for lease in fleet.run_dry()} == {"probe"}
    assert fleet.search(search).state == "succeeded"


def test_probes_that_fail_leave_the_search_its_winner(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**ASKED)
    lease: Lease | None = to_the_probe(fleet)
    while lease is not None:
        fleet.finish(lease, None, "failed")
        lease = fleet.lease()
    assert [trial.state for trial in fleet.trials(search)] == ["completed"] * 4 + ["failed"] * 2
    found = client.get(f"/v1/searches/{search}").json()
    assert (found["state"], found["best"]["number"], found["trials"]["failed"]) == ("succeeded", 3, 0)
    assert (found["transfer"]["tau_b"], found["transfer"]["message"]) == (None, None)


def test_a_cancelled_probe_is_cancelled(fleet: Fleet) -> None:
    search = fleet.submit(**ASKED)
    lease = to_the_probe(fleet)
    fleet.change(search, "cancel")
    assert fleet.heartbeat(lease) == "cancel"
    assert [trial.state for trial in fleet.trials(search)] == ["completed"] * 4 + ["cancelled"] * 2


def test_finalists_that_come_to_one_network_share_its_probe(client: TestClient, fleet: Fleet) -> None:
    # parameters do not depend on resolution, and all members of one shape have one resolution at the same real cost
    search = fleet.submit(
        **{**ASKED, "space": {"alpha": [1.0, 1.0], "beta": [1.0, 1.0], "gamma": [1.0, 2.0], "resolution_multiple": 1}},
    )
    while lease := fleet.lease():
        fleet.finish(lease, accuracy(lease, probes=0.02))
    found = client.get(f"/v1/searches/{search}").json()
    assert found["state"] == "succeeded"
    assert found["transfer"]["networks"][0]["probe"] == found["transfer"]["networks"][1]["probe"]
    assert (found["transfer"]["tau_b"], found["transfer"]["transfers"]) == (None, True)
