"""Several leases in one answer: runs of one trial that differ in their seed, each fenced and ended by itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.errors import LeaseLost
from service.store.tables import CheckpointRow
from tests.conftest import Clock
from tests.service.core.test_races import at_once
from tests.service.fleet import Fleet, Lease, result

SEEDS = 5
FINALS = {"trials": 2, "finalists": {"count": 2, "seeds": SEEDS}}


def finals(fleet: Fleet, **changes: Any) -> str:
    """A search whose trials are done and whose finals are queued, five seeds of each of two networks."""
    search = fleet.submit(**{**FINALS, **changes})
    for _ in range(2):
        fleet.finish(fleet.must_lease("first"))
    assert fleet.search(search).state == "finalizing"
    return search


def save(fleet: Fleet, lease: Lease, epoch: int) -> None:
    """A checkpoint of a run, as far as the tables know."""
    with fleet.context.write() as (session, _now):
        session.add(CheckpointRow(run_id=lease.run, epoch=epoch, search_id=lease.search, sha256="0" * 64, size=1))


def state_of(fleet: Fleet, lease: Lease) -> str:
    """The state of a leased run now."""
    return next(run.state for run in fleet.runs(lease.search) if run.id == lease.run)


def test_a_worker_that_packs_gets_all_seeds_of_one_network_at_once(fleet: Fleet) -> None:
    search = finals(fleet)
    pack = fleet.pack(8)
    assert [(lease.number, lease.role, lease.seed) for lease in pack] == [(0, "final", seed) for seed in range(1, 6)]
    assert len({lease.id for lease in pack}) == SEEDS
    assert {lease.epoch for lease in pack} == {1}
    running = [run for run in fleet.runs(search) if run.state == "running"]
    assert {run.id for run in running} == {lease.run for lease in pack}
    assert {(run.worker, run.process, run.attempts) for run in running} == {("w", "p1", 1)}
    assert fleet.search(search).waiting == SEEDS
    assert fleet.trials(search)[0].attempts == 1 + SEEDS


def test_no_more_than_it_asked_for_and_one_where_it_did_not(fleet: Fleet) -> None:
    finals(fleet)
    assert [lease.seed for lease in fleet.pack(3, "a")] == [1, 2, 3]
    assert len(fleet.pack(1, "b")) == 1


def test_a_search_of_one_seed_a_trial_has_no_companions(fleet: Fleet) -> None:
    fleet.submit(trials=4)
    assert [[lease.number for lease in fleet.pack(8, f"w{number}")] for number in range(4)] == [[0], [1], [2], [3]]


@pytest.mark.parametrize(("parallelism", "sizes"), [(1, [5, 0]), (2, [5, 5])])
def test_a_pack_is_one_of_a_search_parallelism(fleet: Fleet, parallelism: int, sizes: list[int]) -> None:
    finals(fleet, parallelism=parallelism)
    assert [len(fleet.pack(8, worker)) for worker in "ab"] == sizes


def test_no_run_is_given_to_two_workers_that_ask_at_once(fleet: Fleet) -> None:
    search = finals(fleet, parallelism=16)
    given = [lease.run for pack in at_once(lambda number: fleet.pack(4, f"w{number}")) for lease in pack]
    given += [lease.run for lease in fleet.pack(16, "late")]
    assert len(given) == len(set(given)) == 2 * SEEDS
    assert {run.attempts for run in fleet.runs(search)} == {1}


def test_each_is_fenced_and_recorded_by_itself(fleet: Fleet) -> None:
    search = finals(fleet)
    first, second, *rest = fleet.pack(8)
    with pytest.raises(LeaseLost):
        fleet.report(second._replace(id=first.id, epoch=first.epoch + 1), 1, 0.5)
    assert fleet.finish(first, 0.8) == "completed"
    before = fleet.dump()
    assert fleet.finish(first, 0.1) == "completed"
    assert fleet.dump() == before
    assert fleet.release(second, "crashed") == "queued"
    assert {state_of(fleet, lease) for lease in rest} == {"running"}
    for lease in rest:
        assert fleet.finish(lease, 0.8) == "completed"
    fleet.run_dry(0.8)
    assert fleet.search(search).state == "succeeded"
    assert fleet.trials(search)[0].accuracy == pytest.approx(0.8)


def test_the_same_process_gets_all_it_holds_back_and_no_more(fleet: Fleet, clock: Clock) -> None:
    finals(fleet)
    pack = fleet.pack(4)
    clock.advance(20)
    assert fleet.pack(4) == pack
    clock.advance(20)
    assert fleet.context.sweep() == 0  # asking again renewed them all
    fleet.finish(pack[0])
    assert fleet.pack(8) == pack[1:]


def test_another_process_of_that_name_takes_over_all(fleet: Fleet) -> None:
    search = finals(fleet)
    old = fleet.pack(8, process="p1")
    new = fleet.pack(8, process="p2")
    assert [(lease.run, lease.epoch) for lease in new] == [(lease.run, lease.epoch + 1) for lease in old]
    for lease in old:
        with pytest.raises(LeaseLost):
            fleet.heartbeat(lease)
    reasons = [event.data["reason"] for event in fleet.events(search) if event.type == "run.requeued"]
    assert reasons == ["replaced"] * SEEDS


def test_one_that_expires_goes_to_another_worker_and_the_others_stay(fleet: Fleet, clock: Clock) -> None:
    finals(fleet)
    lost, *kept = fleet.pack(8)
    clock.advance(20)
    for lease in kept:
        assert fleet.heartbeat(lease) == "continue"
    clock.advance(11)
    assert fleet.context.sweep() == 1
    assert state_of(fleet, lost) == "queued"
    assert {state_of(fleet, lease) for lease in kept} == {"running"}
    others = [fleet.pack(1, worker)[0] for worker in "bc"]  # first a network that nobody trains
    assert others[1].run == lost.run
    with pytest.raises(LeaseLost):
        fleet.report(lost, 1, 0.5)


def test_only_runs_with_as_many_epochs_saved_go_together(fleet: Fleet) -> None:
    search = finals(fleet)
    key = fleet.trials(search)[0].key
    for lease, saved in zip(fleet.pack(8), ([], [1, 2], [], [2], [1, 2, 3]), strict=True):
        for epoch in saved:
            save(fleet, lease, epoch)
        fleet.release(lease, "drain")
    again = [[lease.seed for lease in fleet.pack(8, worker, programs=[key])] for worker in "abc"]
    assert again == [[1, 3], [2, 4], [5]]


def test_cancel_and_pause_reach_each(fleet: Fleet) -> None:
    search = finals(fleet)
    pack = fleet.pack(8)
    fleet.change(search, "pause")
    assert [fleet.report(lease, 1, 0.5) for lease in pack] == ["drain"] * SEEDS
    assert [fleet.release(lease, "drain") for lease in pack[:2]] == ["queued"] * 2
    fleet.change(search, "cancel")
    assert [fleet.heartbeat(lease) for lease in pack[2:]] == ["cancel"] * 3


@pytest.fixture
def client(fleet: Fleet) -> Iterator[TestClient]:
    """The service over HTTP."""
    with TestClient(create_app(fleet.context), base_url="http://127.0.0.1") as opened:
        yield opened


def test_over_http_companions_are_leases_of_their_own(fleet: Fleet, client: TestClient) -> None:
    search = finals(fleet)
    ask = {"worker": "w", "process": "p", "pack": 3}
    lease = client.post("/v1/leases", json=ask).json()
    assert client.post("/v1/leases", json=ask).json() == lease
    alone = {key for key in lease if key not in ("companions", "upcoming")}
    assert lease["upcoming"] is None
    assert [set(each) for each in lease["companions"]] == [alone, alone]
    seeds = [each["job"].pop("seed") for each in (lease, *lease["companions"])]
    assert seeds == [1, 2, 3]
    assert {str(each["job"]) for each in (lease, *lease["companions"])} == {str(lease["job"])}
    for each in (lease, *lease["companions"]):
        body = {"lease_epoch": each["lease_epoch"], "outcome": "completed", "result": result(0.7).model_dump()}
        assert client.post(f"/v1/leases/{each['id']}/finish", json=body).json() == {"state": "completed"}
    assert fleet.trials(search)[0].seeds == 3


def test_what_comes_next_says_how_many_seeds_would_come_together(fleet: Fleet, client: TestClient) -> None:
    search = finals(fleet)
    ask = {"worker": "w", "process": "p", "upcoming": True, "pack": 8}
    first = client.post("/v1/leases", json=ask).json()
    assert (len(first["companions"]), first["upcoming"]["seeds"]) == (SEEDS - 1, SEEDS)
    assert first["upcoming"]["key"] == fleet.trials(search)[1].key
    alone = client.post("/v1/leases", json={**ask, "worker": "v", "pack": 1, "programs": ["0" * 16]}).json()
    assert (alone["trial_number"], alone["companions"], alone["upcoming"]) == (1, [], None)


def test_what_was_one_program_is_told_of_each_run(fleet: Fleet, client: TestClient) -> None:
    search = finals(fleet)
    for lease in fleet.pack(2):
        fleet.finish(lease, 0.9, packed=2)
    trial = client.get(f"/v1/searches/{search}/trials/0").json()
    assert [run["packed"] for run in trial["runs"]][:4] == [1, 2, 2, 1]
