"""Which of a search's queued runs a worker is given, when it has some of their programs at hand."""

from collections import Counter

import pytest

from service.protocol.requests import MAX_PROGRAMS
from tests.service.fleet import Fleet, Lease

FINALS = {"trials": 3, "finalists": {"count": 3, "seeds": 4}}


def keys(fleet: Fleet, search: str) -> list[str]:
    """The networks of a search by trial number."""
    return [trial.key for trial in fleet.trials(search)]


def finals(fleet: Fleet) -> str:
    """A search whose trials are done and whose finals are queued."""
    search = fleet.submit(**FINALS)
    for _ in range(3):
        fleet.finish(fleet.must_lease("first"))
    assert fleet.search(search).state == "finalizing"
    return search


def work_off(fleet: Fleet, *workers: str) -> dict[str, list[Lease]]:
    """All queued runs, by workers that take turns and tell what they have compiled so far."""
    known: dict[str, list[str]] = {worker: [] for worker in workers}
    done: dict[str, list[Lease]] = {worker: [] for worker in workers}
    while held := [(worker, lease) for worker in workers if (lease := fleet.lease(worker, programs=known[worker]))]:
        for worker, lease in held:
            known[worker].append(keys(fleet, lease.search)[lease.number])
            done[worker].append(lease)
            fleet.finish(lease)
    return done


def test_a_queued_run_whose_program_is_at_hand_comes_first(fleet: Fleet) -> None:
    search = fleet.submit()
    for lease in [fleet.must_lease(f"w{number}") for number in range(4)]:
        fleet.release(lease, "drain")
    third = keys(fleet, search)[2]
    assert fleet.must_lease("a", programs=["0" * 16, third]).number == 2
    assert [fleet.must_lease(worker, programs=[third]).number for worker in "bcd"] == [0, 1, 3]


def test_nothing_is_proposed_while_a_run_is_queued_whatever_is_at_hand(fleet: Fleet) -> None:
    search = fleet.submit()
    fleet.release(fleet.must_lease(), "drain")
    assert fleet.must_lease("w", programs=["f" * 16] * MAX_PROGRAMS).number == 0
    assert len(fleet.trials(search)) == 1


def test_what_is_at_hand_does_not_decide_which_search_is_served(fleet: Fleet) -> None:
    known, urgent = fleet.submit(), fleet.submit(priority=1)
    with_program = fleet.must_lease("a")
    assert with_program.search == urgent
    fleet.change(urgent, "pause")
    lease = fleet.must_lease("b")
    fleet.release(lease, "drain")
    fleet.change(urgent, "resume")
    assert fleet.must_lease("c", programs=keys(fleet, known)).search == urgent


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_what_is_at_hand_does_not_decide_what_is_proposed(fleet: Fleet, sampler: str) -> None:
    spec = {"trials": 12, "sampler": {"name": sampler}, "parallelism": 1}
    plain = fleet.submit(**spec)
    fleet.run_dry()
    other = fleet.submit(**spec)
    while lease := fleet.lease("w", programs=keys(fleet, plain)[::-1]):
        fleet.finish(lease)
    assert keys(fleet, other) == keys(fleet, plain)


def test_all_seeds_of_a_finalist_go_to_one_worker_in_turn(fleet: Fleet) -> None:
    finals(fleet)
    (one,) = work_off(fleet, "a").values()
    assert [lease.number for lease in one] == [0] * 4 + [1] * 4 + [2] * 4


def test_each_worker_takes_a_finalist_of_its_own_and_helps_with_the_last(fleet: Fleet) -> None:
    search = finals(fleet)
    done = work_off(fleet, "a", "b")
    numbers = {worker: [lease.number for lease in leases] for worker, leases in done.items()}
    assert numbers == {"a": [0, 0, 0, 0, 2, 2], "b": [1, 1, 1, 1, 2, 2]}
    assert Counter(lease.run for leases in done.values() for lease in leases).most_common(1)[0][1] == 1
    assert fleet.search(search).state == "succeeded"


def test_more_workers_than_finalists_share_them(fleet: Fleet) -> None:
    search = finals(fleet)
    done = work_off(fleet, "a", "b", "c", "d", "e")
    assert sum(len(leases) for leases in done.values()) == 12
    assert fleet.search(search).state == "succeeded"
