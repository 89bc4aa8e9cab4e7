"""Simple choices on the finals' seeds: after the finals, in no rank, and what the conclusion makes of them."""

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
    "finalists": {"count": 2, "seeds": 3},
    "controls": True,
    "target": {"ratio": 2.0, "tolerance": 0.1},
    "seed": 10,
}
PER_NUMBER = 0.03  # what each trial number is more accurate than the last


@pytest.fixture
def client(context: ServiceContext) -> TestClient:
    """The context over HTTP, on loopback."""
    return TestClient(create_app(context), base_url="http://127.0.0.1")


def accuracy(lease: Lease, controls: float) -> float:
    """Trials get better with their number; all controls are alike. Seeds differ by a little."""
    level = controls if lease.role == "control" else 0.7 + PER_NUMBER * lease.number
    return round(level + 0.001 * (lease.seed % 3), 4)


def train(fleet: Fleet, controls: float, until: str | None = None) -> Lease | None:
    """Finish what there is; the first lease of the role `until`, if any."""
    while (lease := fleet.lease()) is not None:
        if lease.role == until:
            return lease
        fleet.finish(lease, accuracy(lease, controls))
    return None


def test_the_life_of_controls(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**ASKED)
    path = f"/v1/searches/{search}"
    planned = client.get(path).json()
    assert planned["plan"]["runs"]["control"] == 3 * 6
    assert [control["name"] for control in planned["plan"]["controls"]][:2] == ["baseline", "depth"]
    assert (planned["conclusion"], planned["controls"]) == (None, None)
    first = train(fleet, 0.6, until="control")
    assert first is not None
    assert fleet.search(search).state == "finalizing"
    ranked = client.get(f"{path}/leaderboard").json()["items"]
    assert [trial["number"] for trial in ranked] == [3, 2, 1, 0]
    fleet.finish(first, accuracy(first, 0.6))
    train(fleet, 0.6)
    found = client.get(path).json()
    assert (found["state"], found["progress"], found["trials"]["planned"]) == ("succeeded", 1.0, 4)
    assert found["conclusion"]["kind"] == "clear"
    assert found["conclusion"]["chosen"] == found["best"]["number"] == 3
    assert found["conclusion"]["gain"]["points"] == pytest.approx(19.0, abs=0.01)
    assert "It gains 19.0 points" in found["statement"]
    again = client.get(f"{path}/leaderboard").json()["items"]
    assert [trial["number"] for trial in again] == [3, 2, 1, 0]
    rows = {control["name"]: control for control in found["controls"]}
    assert list(rows) == ["baseline", "depth", "width", "resolution", "equal", "paper"]
    assert rows["paper"]["same_as"] == 0  # trial 0 is the reference, and is trained on the common seeds there
    assert (rows["baseline"]["same_as"], rows["baseline"]["ratio"], rows["baseline"]["seeds"]) == (None, 1.0, 3)
    shown = client.get(f"{path}/trials/{rows['baseline']['number']}").json()
    assert (shown["control"], shown["probe"], shown["state"], shown["seeds"]) == (True, False, "completed", 3)
    assert {run["role"] for run in shown["runs"]} == {"control"}
    assert shown["test_accuracy"] is None
    config = from_export(client.get(f"{path}/export").text)
    assert (config["winner"]["number"], config["conclusion"]) == (3, found["conclusion"])
    assert config["controls"] == found["controls"]


def test_do_not_scale(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**ASKED)
    train(fleet, 0.95)
    found = client.get(f"/v1/searches/{search}").json()
    conclusion = found["conclusion"]
    assert (conclusion["kind"], conclusion["keep_baseline"], conclusion["chosen"]) == ("no_gain", True, None)
    assert found["statement"].startswith("Do not scale: ")
    assert found["best"]["number"] == conclusion["most_accurate"] == 3  # what there is, not what is recommended


def test_controls_survive_what_other_runs_survive(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(**ASKED)
    lease = train(fleet, 0.6, until="control")
    assert lease is not None
    clock.advance(fleet.context.settings.lease_seconds + 1)  # its worker died
    again = fleet.must_lease("other")
    assert (again.run, again.epoch) == (lease.run, lease.epoch + 1)
    fleet.change(search, "pause")
    assert fleet.heartbeat(again) == "drain"
    fleet.release(again, "drain")
    fleet.change(search, "resume")
    assert fleet.search(search).state == "finalizing"
    assert {lease.role for lease in fleet.run_dry()} == {"control"}
    assert fleet.search(search).state == "succeeded"


def test_controls_that_fail_leave_the_search_its_answer(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**ASKED)
    lease = train(fleet, 0.6, until="control")
    while lease is not None:
        fleet.finish(lease, None, "failed")
        lease = fleet.lease()
    found = client.get(f"/v1/searches/{search}").json()
    assert (found["state"], found["best"]["number"], found["trials"]["failed"]) == ("succeeded", 3, 0)
    assert (found["conclusion"]["kind"], found["conclusion"]["gain"]) == ("clear", None)
    assert found["controls"][0]["state"] == "failed"


def test_the_cheapest_of_a_tie_is_named_exported_and_tested(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**{**ASKED, "controls": False})
    path = f"/v1/searches/{search}"
    while (lease := fleet.lease()) is not None:
        level = 0.7 + 0.01 * lease.number if lease.role == "search" else 0.8 + 0.02 * ((lease.seed + lease.number) % 3)
        fleet.finish(lease, level, test_accuracy=0.77 if lease.role == "final" else None)
    found = client.get(path).json()
    conclusion = found["conclusion"]
    assert conclusion["kind"] == "tied"
    finalists = [trial for trial in client.get(f"{path}/leaderboard").json()["items"] if trial["finalist"]]
    cheapest = min(finalists, key=lambda trial: trial["cost"]["macs"])
    assert found["best"]["number"] == conclusion["chosen"] == cheapest["number"]
    tested = [trial["number"] for trial in client.get(f"{path}/trials").json()["items"] if trial["test_accuracy"]]
    assert tested == [cheapest["number"]]
    config = from_export(client.get(f"{path}/export").text)
    assert config["winner"]["number"] == cheapest["number"]
    assert [trial["number"] for trial in config["ties"]] == conclusion["ties"]
    (listed,) = client.get("/v1/searches").json()["items"]
    assert listed["best"]["number"] == cheapest["number"]


def test_another_finished_trial_can_be_exported(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(**{**ASKED, "controls": False})
    train(fleet, 0.6)
    path = f"/v1/searches/{search}/export"
    assert from_export(client.get(path, params={"choose": 1}).text)["winner"]["number"] == 1
    assert client.get(path, params={"choose": 99}).status_code == 404
    assert client.get(path, params={"choose": -1}).status_code == 422
    running = fleet.submit(**{**ASKED, "controls": False, "seed": 11})
    fleet.must_lease()
    refused = client.get(f"/v1/searches/{running}/export", params={"choose": 0})
    assert refused.status_code == 409
    assert "cannot be exported" in refused.json()["detail"]
