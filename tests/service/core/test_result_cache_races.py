"""Threads of several searches that want the same training in the same moment: it is done once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from service.api.settlement import settle
from service.store import searches as search_rows
from service.store import trained
from service.store.tables import RunRow
from tests.service.core.test_races import THREADS, at_once
from tests.service.core.test_result_cache import epochs, submit, train
from tests.service.fleet import Fleet, Lease

ROUNDS = 2
ONE: dict[str, Any] = {"trials": 1, "reuse": True}


def asked_while_it_ends(fleet: Fleet, accuracy: float | None, outcome: str = "completed") -> list[Lease | None]:
    """What the workers that ask while another one's training ends so are given; its own place holds None."""
    lease = fleet.must_lease("first")

    def act(number: int) -> Lease | None:
        if number:
            return fleet.lease(f"w{number}")
        fleet.finish(lease, accuracy, outcome)
        return None

    return at_once(act)


def test_of_equal_runs_of_many_searches_one_is_leased(fleet: Fleet) -> None:
    for seed in range(ROUNDS):
        searches = [fleet.submit(**ONE, seed=seed) for _ in range(4)]
        (lease,) = [lease for lease in at_once(lambda number: fleet.lease(f"w{number}")) if lease is not None]
        train(fleet, lease)
        assert fleet.lease() is None
        assert sorted(fleet.trials(search)[0].state for search in searches) == ["cached"] * 3 + ["completed"]


def test_whoever_asks_while_the_first_ends_gets_nothing_to_train(fleet: Fleet) -> None:
    for seed in range(ROUNDS):
        searches = [fleet.submit(**ONE, seed=seed) for _ in range(4)]
        assert asked_while_it_ends(fleet, 0.7) == [None] * THREADS
        assert fleet.lease() is None
        assert {fleet.search(search).state for search in searches} == {"succeeded"}
        assert {fleet.trials(search)[0].accuracy for search in searches} == {0.7}


def test_when_the_first_fails_while_others_ask_at_most_one_trains(fleet: Fleet) -> None:
    for seed in range(ROUNDS):
        searches = [fleet.submit(**ONE, seed=seed) for _ in range(4)]
        found = [lease for lease in asked_while_it_ends(fleet, None, "failed") if lease is not None] or [
            fleet.must_lease()
        ]
        assert len(found) == 1
        fleet.finish(found[0])
        assert fleet.lease() is None
        states = sorted(fleet.trials(search)[0].state for search in searches)
        assert states == ["cached", "cached", "completed", "failed"]


def test_nobody_begins_a_key_that_another_transaction_decides_about(fleet: Fleet) -> None:
    """PostgreSQL lets both in, and the second passes over the key without waiting. SQLite lets in one."""
    (first, second), is_postgres = submit(fleet, 2), fleet.context.engine.dialect.name == "postgresql"
    fleet.release(fleet.must_lease("a"), "drain")
    (run,) = fleet.runs(first)
    with ThreadPoolExecutor(1) as pool:
        with fleet.context.write() as (session, _now):
            assert trained.reserve(session, session.get_one(RunRow, run.id))
            asked = pool.submit(fleet.lease, "b")
            if is_postgres:
                assert asked.result(timeout=30) is None
        assert (asked.result(timeout=30) is None) == is_postgres
    assert [run.state for run in fleet.runs(second)] == ["queued"] * is_postgres


def test_the_database_itself_refuses_a_second_training_of_a_key(fleet: Fleet) -> None:
    _, second = submit(fleet, 2)
    fleet.must_lease("a")
    assert fleet.lease("b") is None
    (run,) = fleet.runs(second)
    with pytest.raises(IntegrityError), fleet.context.write() as (session, _now):
        session.get_one(RunRow, run.id).state = "running"


def test_a_source_that_is_deleted_meanwhile_is_taken_whole_or_not_at_all(fleet: Fleet) -> None:
    for seed in range(ROUNDS):
        source = fleet.submit(**ONE, seed=seed)
        train(fleet, fleet.must_lease())
        search = fleet.submit(**ONE, seed=seed)

        def act(number: int, source: str = source) -> Lease | None:
            return fleet.remove(source) if number == 0 else fleet.lease(f"w{number}")

        for lease in at_once(act, 4):
            if lease is not None:
                train(fleet, lease)
        assert fleet.lease() is None
        (run,) = fleet.runs(search)
        assert run.state in ("cached", "completed")
        assert len(epochs(fleet, run)) == 2


def test_equal_searches_that_run_beside_each_other_train_each_key_once(fleet: Fleet) -> None:
    fields = {"trials": 6, "parallelism": 3, "reuse": True, "finalists": {"count": 2, "seeds": 2}}
    searches = [fleet.submit(**fields, name=str(number)) for number in range(3)]

    def work(number: int) -> list[Lease]:
        done = []
        if number % 4 == 3:
            settle(fleet.context, searches)
        while lease := fleet.lease(f"w{number}"):
            train(fleet, lease, (20 + lease.number + 10 * lease.seed) / 100)
            done.append(lease)
        return done

    done: list[Lease] = []
    while any(fleet.search(search).state in search_rows.OPEN for search in searches):
        did = [lease for leases in at_once(work) for lease in leases]  # a thread may look while all of it is taken
        done += did or work(0)
    runs = [run for search in searches for run in fleet.runs(search)]
    assert len(runs) == 3 * (6 + 2 * 2)
    assert len({run.cache_key for run in runs}) == 6 + 2 * 2
    assert sorted(run.id for run in runs if run.state == "completed") == sorted(lease.run for lease in done)
    assert len(done) == 6 + 2 * 2
    assert {run.state for run in runs} == {"completed", "cached"}
    assert {fleet.search(search).state for search in searches} == {"succeeded"}
    for run in runs:
        assert run.accuracy == (20 + run.number + 10 * run.seed) / 100
