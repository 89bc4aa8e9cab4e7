"""How long a search will take: by the workers that there are, and by trainings that really ran."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api.context import ServiceContext
from service.api.keys import LOCAL
from tests.conftest import Clock
from tests.service.fleet import SPEC, Fleet, Lease

TEN: dict[str, Any] = {"trials": 10, "parallelism": 8, "owner": LOCAL.owner}


@pytest.fixture
def fleet(context: ServiceContext) -> Fleet:
    """Workers of the service that the client asks."""
    return Fleet(context)


def left(client: TestClient, search: str) -> float | None:
    """What a search says, alone and in the list."""
    shown = client.get(f"/v1/searches/{search}").json()["estimated_seconds_left"]
    listed = next(each for each in client.get("/v1/searches").json()["items"] if each["id"] == search)
    assert listed.get("estimated_seconds_left", shown) == shown
    return shown


def train(fleet: Fleet, clock: Clock, seconds: float = 60.0, worker: str = "a") -> None:
    """One run that a worker takes so long for."""
    lease = fleet.must_lease(worker)
    clock.advance(seconds / 2)
    fleet.heartbeat(lease)
    clock.advance(seconds / 2)
    fleet.heartbeat(lease)
    fleet.finish(lease)


def test_one_worker_does_one_run_after_the_other_whatever_the_parallelism(
    client: TestClient, fleet: Fleet, clock: Clock
) -> None:
    search = fleet.submit(**TEN)
    assert left(client, search) is None  # nobody knows how long a run takes
    train(fleet, clock, 40.0)
    fleet.must_lease("a")
    assert left(client, search) == 9 * 40
    fleet.must_lease("b")
    assert left(client, search) == 9 * 40 / 2


def test_no_more_workers_count_than_the_search_lets_in_or_runs_are_left(
    client: TestClient, fleet: Fleet, clock: Clock
) -> None:
    search = fleet.submit(**TEN | {"trials": 4, "parallelism": 2})
    train(fleet, clock, 40.0)
    leases = [fleet.must_lease(worker) for worker in "ab"]
    for worker in "cd":
        client.post("/v1/leases", json={"worker": worker, "process": "p"})
    assert left(client, search) == 3 * 40 / 2
    for lease in leases:
        fleet.finish(lease)
    fleet.must_lease("a")
    assert left(client, search) == pytest.approx(40 / 3, abs=0.1)  # two of the three runs took no time at all


def test_without_a_living_worker_there_is_no_estimate(client: TestClient, fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(**TEN)
    train(fleet, clock)
    assert left(client, search) is None
    fleet.must_lease("a")
    assert left(client, search) == 9 * 60
    clock.advance(31.0)
    fleet.context.sweep()
    assert left(client, search) is None


def test_an_idle_worker_counts_for_as_long_as_it_asks_and_one_of_another_search_does_not(
    client: TestClient, fleet: Fleet, clock: Clock
) -> None:
    first = fleet.submit(**TEN | {"parallelism": 1})
    clock.advance(1.0)
    second = fleet.submit(**TEN | {"parallelism": 1})
    lease = fleet.must_lease("a")
    train(fleet, clock, 20.0, "b")
    assert left(client, second) is None  # its only worker is gone, and the other has a lease of the first search
    answer = client.post("/v1/leases", json={"worker": "c", "process": "p", "wait_seconds": 0})
    assert answer.json()["search_id"] == second
    assert left(client, second) == 9 * 20
    assert client.post("/v1/leases", json={"worker": "d", "process": "p", "wait_seconds": 0}).status_code == 204
    assert left(client, second) == 9 * 20  # parallelism is 1
    clock.advance(20.0)
    fleet.heartbeat(lease)
    fleet.change(first, "pause")
    assert left(client, first) is None  # nobody works on it


def test_runs_that_took_a_result_over_and_broken_attempts_say_what_they_cost(
    client: TestClient, fleet: Fleet, clock: Clock
) -> None:
    known = fleet.submit(**TEN | {"trials": 2, "parallelism": 1, "reuse": True})
    for _ in range(2):
        train(fleet, clock)
    assert fleet.search(known).state == "succeeded"
    search = fleet.submit(**TEN | {"parallelism": 1, "reuse": True})
    broken = fleet.must_lease("a")  # two trials are cached by now
    assert [trial.state for trial in fleet.trials(search)][:2] == ["cached", "cached"]
    clock.advance(25.0)
    fleet.release(broken)
    train(fleet, clock, 50.0)
    fleet.must_lease("a")
    assert left(client, search) == 7 * 75


def test_runs_that_are_trained_together_share_their_time(client: TestClient, fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(**TEN | {"trials": 1, "finalists": {"count": 1, "seeds": 8}})
    fleet.finish(fleet.must_lease("a"))  # no time at all
    pack = fleet.pack(4, "a")
    clock.advance(20.0)
    for lease in pack:
        fleet.finish(lease, packed=4)
    fleet.pack(4, "a")
    assert left(client, search) == 4 * (4 * 20 / 4) / 5  # five runs have ended


def learned(client: TestClient) -> tuple[int, str]:
    """Trainings that a plan rests on, and what it says of them."""
    found = client.post("/v1/plans", json=SPEC).json()["device_seconds"]
    return found["measured"], found["basis"]


def finish_all(fleet: Fleet, seconds: float = 8.0) -> list[Lease]:
    done = []
    while lease := fleet.lease():
        fleet.finish(lease, seconds=seconds)
        done.append(lease)
    return done


def test_a_plan_learns_from_trainings_and_from_nothing_that_was_taken_over(
    client: TestClient, fleet: Fleet, clock: Clock
) -> None:
    fleet.submit(**TEN | {"trials": 4, "reuse": True})
    assert len(finish_all(fleet)) == 4
    before = learned(client)
    assert before[0] == 4
    for _ in range(9):  # more than the searches that a plan looks at
        clock.advance(1.0)
        search = fleet.submit(**TEN | {"trials": 4, "reuse": True})
        assert finish_all(fleet) == []
        assert fleet.search(search).state == "succeeded"
        assert fleet.search(search).device_seconds == 0.0
    assert learned(client) == before


def test_a_training_on_two_kinds_of_devices_says_nothing_of_either(client: TestClient, fleet: Fleet) -> None:
    fleet.submit(**TEN | {"trials": 4})
    for _ in range(3):
        fleet.finish(fleet.must_lease())
    assert learned(client)[0] == 3
    fleet.release(fleet.must_lease())
    body = {"worker": "gpu", "process": "p", "devices": [{"platform": "gpu", "kind": "H100"}]}
    lease = client.post("/v1/leases", json=body).json()
    run = next(each for each in fleet.runs(lease["search_id"]) if each.lease_id == lease["id"])
    fleet.finish(Lease.of(run))
    measured, basis = learned(client)
    assert measured == 3
    assert "3 on cpu" in basis
    assert "H100" not in basis


def test_a_worker_that_asks_no_more_is_forgotten(client: TestClient, fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(**TEN | {"trials": 4, "parallelism": 2})
    train(fleet, clock)
    leases = [fleet.must_lease(worker) for worker in "ab"]
    client.post("/v1/leases", json={"worker": "c", "process": "p"})
    assert fleet.context.idle_workers.names(clock()) == {"c"}
    for lease in leases:
        fleet.finish(lease)
    clock.advance(30.0)
    assert left(client, search) is not None
    clock.advance(0.5)
    assert left(client, search) is None
    assert fleet.context.idle_workers.names(clock()) == set()


def test_no_more_trials_count_than_proposals_let_run_at_once(client: TestClient, fleet: Fleet, clock: Clock) -> None:
    learns = {"name": "tpe", "startup_trials": 1, "window": 2}
    search = fleet.submit(**TEN | {"sampler": learns, "finalists": {"count": 2, "seeds": 2}})
    train(fleet, clock, 40.0)
    fleet.must_lease("a")
    for worker in "bcd":
        client.post("/v1/leases", json={"worker": worker, "process": "p"})
    assert left(client, search) == 9 * 40 / 2 + 4 * 40 / 4
