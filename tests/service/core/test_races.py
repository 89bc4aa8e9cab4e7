"""Threads that want the same thing in the same moment: exactly one gets it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.context import ServiceContext
from service.errors import LeaseLost
from tests.service.fleet import SPEC, Fleet, Lease

THREADS = 8
T = TypeVar("T")


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """What each of the threads answers; all begin together."""
    barrier = threading.Barrier(threads, timeout=30)

    def begin(number: int) -> T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


@contextmanager
def served(context: ServiceContext) -> Iterator[TestClient]:
    """The context over HTTP, on loopback."""
    with TestClient(create_app(context), base_url="http://127.0.0.1") as client:
        yield client


def test_one_idempotency_key_from_many_threads_is_one_search(context: ServiceContext) -> None:
    with served(context) as client:

        def submit(_number: int) -> list[tuple[int, str]]:
            answers = [client.post("/v1/searches", json=SPEC, headers={"Idempotency-Key": "once"}) for _ in range(5)]
            return [(answer.status_code, answer.json()["id"]) for answer in answers]

        answers = [answer for group in at_once(submit) for answer in group]
        assert len({search for _, search in answers}) == 1
        assert Counter(status for status, _ in answers) == {201: 1, 200: 5 * THREADS - 1}
        assert len(client.get("/v1/searches").json()["items"]) == 1


def test_the_last_trial_has_one_winner(fleet: Fleet) -> None:
    for round_number in range(5):
        search = fleet.submit(trials=1)
        won = [lease for lease in at_once(lambda number: fleet.lease(f"w{number}")) if lease is not None]
        assert len(won) == 1, round_number
        assert len(fleet.trials(search)) == 1
        fleet.finish(won[0])
        assert fleet.search(search).state == "succeeded"


def test_many_workers_share_a_search_without_a_duplicate(fleet: Fleet) -> None:
    search = fleet.submit(trials=24, parallelism=THREADS, finalists={"count": 2, "seeds": 2})

    def work(number: int) -> list[Lease]:
        done = []
        while lease := fleet.lease(f"w{number}"):
            fleet.report(lease, 1, 0.5)
            fleet.finish(lease)
            done.append(lease)
        return done

    done = [lease for leases in at_once(work) for lease in leases]
    done += fleet.run_dry()  # a thread may have looked in the moment when all finals were taken
    assert len(done) == len({lease.run for lease in done}) == 24 + 4
    assert len({trial.key for trial in fleet.trials(search)}) == 24
    assert fleet.search(search).state == "succeeded"
    assert {run.attempts for run in fleet.runs(search)} == {1}


def test_one_worker_asking_twice_at_once_holds_one_lease(fleet: Fleet) -> None:
    """Its first request timed out while the server was still at it, so it asks again."""
    search = fleet.submit(trials=24)
    for _ in range(3):
        leases = {lease for lease in at_once(lambda _: fleet.lease("impatient")) if lease is not None}
        assert len(leases) == 1
        assert [run.state for run in fleet.runs(search)].count("running") == 1
        fleet.finish(leases.pop())


def test_finish_against_cancel_leaves_one_terminal_state(fleet: Fleet) -> None:
    for _ in range(5):
        search = fleet.submit(trials=2)
        lease = fleet.must_lease()
        at_once(lambda number: fleet.finish(lease) if number else fleet.change(search, "cancel"), 2)  # noqa: B023
        assert fleet.search(search).state == "cancelled"
        (trial,), (run,) = fleet.trials(search), fleet.runs(search)
        assert trial.state == run.state
        assert trial.state in ("completed", "cancelled")
        assert (trial.accuracy is None) == (trial.state == "cancelled")
        ended = [event for event in fleet.events(search) if event.type == "trial.finished"]
        assert len(ended) == (1 if trial.state == "completed" else 0)


def test_one_result_counts_when_two_processes_believe_they_hold_a_run(fleet: Fleet) -> None:
    for round_number in range(5):
        search = fleet.submit(trials=1)
        old = fleet.must_lease("w", f"p{round_number}")
        new = fleet.must_lease("w", f"q{round_number}")

        def finish(number: int, old: Lease = old, new: Lease = new) -> str:
            try:
                return fleet.finish(new if number else old, 0.9 if number else 0.1)
            except LeaseLost:
                return "lost"

        assert at_once(finish, 2) == ["lost", "completed"]
        assert fleet.trials(search)[0].accuracy == 0.9


def test_finals_are_queued_once_when_the_last_trials_end_together(fleet: Fleet) -> None:
    search = fleet.submit(trials=THREADS, finalists={"count": 2, "seeds": 3})
    leases = [fleet.must_lease(f"w{number}") for number in range(THREADS)]
    at_once(lambda number: fleet.finish(leases[number], 0.5 + number / 100))
    finals = [run for run in fleet.runs(search) if run.role == "final"]
    assert Counter(run.number for run in finals) == {THREADS - 2: 3, THREADS - 1: 3}
    assert fleet.search(search).waiting == 6
    assert [event.type for event in fleet.events(search)].count("search.finalizing") == 1


@pytest.mark.parametrize("sweepers", [4])
def test_a_lease_expires_once_however_many_look(fleet: Fleet, sweepers: int) -> None:
    search = fleet.submit(trials=3)
    for number in range(3):
        fleet.must_lease(f"w{number}")
    fleet.context.clock.advance(31)  # type: ignore[union-attr]
    assert sum(at_once(lambda _: fleet.context.sweep(), sweepers)) == 3
    row = fleet.search(search)
    assert (row.waiting, row.active) == (3, 3)
    assert [event.type for event in fleet.events(search)].count("run.requeued") == 3
