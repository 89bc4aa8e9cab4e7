"""Trials that wait for each other at rungs: their numbers decide what becomes of them; nothing is trained twice."""

import random
from collections import Counter
from typing import Any

import pytest

from search.proposals import history
from service.api.context import ServiceContext
from service.store import trials
from service.store.outcomes import outcomes as outcomes_of
from service.store.outcomes import unsettled
from service.store.tables import CheckpointRow
from tests.conftest import Clock
from tests.service.fleet import Fleet, Lease

EPOCHS = 5
PRUNED: dict[str, Any] = {
    "trials": 12,
    "recipe": {"epochs": EPOCHS, "warmup_epochs": 0},
    "pruner": {"name": "asha", "min_epochs": 1, "reduction_factor": 2},
    "sampler": {"name": "random", "window": 4},
}
FAILS = {3: 0, 5: 1, 8: 2}  # trial: after how many epochs it fails, if it comes so far
Outcome = tuple[int, str, int, float | None, float]


def accuracy(number: int, epoch: int) -> float:
    """A curve of its own for each trial."""
    return round(random.Random(number).uniform(0.3, 0.9) * epoch / (epoch + 1), 4)


def step(fleet: Fleet, lease: Lease, done: Counter[int], told: Counter[tuple[int, int]]) -> bool:
    """One epoch of a leased run as a worker trains it; whether the lease has ended. Finals end at once."""
    if lease.role == "final":
        assert fleet.finish(lease, 0.5 + lease.number / 100, seconds=1.0) == "completed"
        return True
    if done[lease.number] == FAILS.get(lease.number):
        assert fleet.finish(lease, None, "failed") == "failed"
        return True
    done[lease.number] += 1
    epoch = done[lease.number]
    told[lease.number, epoch] += 1
    command = fleet.report(lease, epoch, accuracy(lease.number, epoch))
    if command == "stop":
        assert fleet.finish(lease, accuracy(lease.number, epoch), "pruned", epoch * 1.0, epochs=epoch) == "pruned"
        return True
    if epoch == EPOCHS:
        assert fleet.finish(lease, accuracy(lease.number, epoch), seconds=epoch * 1.0, epochs=epoch) == "completed"
        return True
    if command == "drain":
        fleet.release(lease, "drain", "awaiting-rung")
        return True
    return False


def train(fleet: Fleet, parallelism: int, chance: random.Random, **changes: Any) -> tuple[str, int]:
    """A whole search by so many workers whose epochs end in any order; its id, and how often a run was paused."""
    search = fleet.submit(**{**PRUNED, "parallelism": parallelism, **changes})
    held: dict[str, Lease] = {}
    done, told = Counter[int](), Counter[tuple[int, int]]()
    while True:
        idle = (worker for worker in (f"w{number}" for number in range(parallelism)) if worker not in held)
        while (worker := next(idle, None)) and (lease := fleet.lease(worker)):
            held[worker] = lease
        if not held:
            break
        worker = chance.choice(sorted(held))
        if step(fleet, held[worker], done, told):
            del held[worker]
    assert set(told.values()) == {1}  # no epoch was trained twice
    assert fleet.search(search).state == "succeeded"
    return search, [event.type for event in fleet.events(search)].count("trial.paused")


def outcomes(fleet: Fleet, search: str) -> list[Outcome]:
    return [(row.number, row.state, row.epochs, row.accuracy, row.device_seconds) for row in fleet.trials(search)]


@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "curve"])
def test_no_parallelism_and_no_order_changes_what_becomes_of_a_trial(fleet: Fleet, name: str) -> None:
    pruner = {**PRUNED["pruner"], "name": name}
    alone, _ = train(fleet, 1, random.Random(0), pruner=pruner)
    expected = outcomes(fleet, alone)
    assert {state for _, state, *_ in expected} == {"completed", "pruned", "failed"}
    pauses = []
    for parallelism in (4, 16):
        search, paused = train(fleet, parallelism, random.Random(parallelism), pruner=pruner)
        assert outcomes(fleet, search) == expected
        row = fleet.search(search)
        assert row.device_seconds == sum(seconds for *_, seconds in expected)
        pauses.append(paused)
    assert name == "curve" or any(pauses)


@pytest.fixture
def paused(fleet: Fleet) -> tuple[str, Lease, Lease]:
    """A search whose trial 1 waits at its rung, with the leases of trials 2 and 3 of the same block."""
    search = fleet.submit(**{**PRUNED, "trials": 4, "pruner": {**PRUNED["pruner"], "reduction_factor": 4}})
    leases = [fleet.must_lease(f"w{number}") for number in range(4)]
    fleet.report(leases[0], 1, 0.5)  # the reference goes on, whatever others do
    assert fleet.report(leases[1], 1, 0.8) == "drain"
    assert fleet.release(leases[1], "drain", "awaiting-rung") == "paused"
    return search, leases[2], leases[3]


def test_a_trial_that_waits_says_so_and_blocks_no_worker(fleet: Fleet, paused: tuple[str, Lease, Lease]) -> None:
    search, *_ = paused
    trial, run = fleet.trials(search)[1], fleet.runs(search)[1]
    assert (trial.state, trial.reason) == ("queued", "awaiting-rung")
    assert trial.message == run.message == "after epoch 1 it waits until trial 3 and those before have come as far"
    assert (run.state, run.attempts, trial.device_seconds) == ("paused", 0, 1.0)
    row = fleet.search(search)
    assert (row.active, row.waiting, row.device_seconds) == (3, 0, 1.0)
    assert fleet.lease("w9") is None  # all are proposed, and it is leased to nobody


@pytest.mark.parametrize(("others", "state"), [(0.7, "queued"), (0.9, "pruned")])
def test_the_last_of_a_block_decides(
    fleet: Fleet, context: ServiceContext, paused: tuple[str, Lease, Lease], others: float, state: str
) -> None:
    search, second, third = paused
    run = fleet.runs(search)[1]
    with context.write() as (session, _now):
        session.add(CheckpointRow(run_id=run.id, epoch=1, search_id=search, sha256="0" * 64, size=5))
    context.artifacts.put(search, run.id, "0" * 64, b"state")
    fleet.report(second, 1, 0.1)
    assert fleet.runs(search)[1].state == "paused"
    fleet.report(third, 1, others)
    run, trial = fleet.runs(search)[1], fleet.trials(search)[1]
    assert (run.state, trial.state) == (state, state)
    kept = list(context.artifacts.root.rglob("0" * 64))
    kinds = [event.type for event in fleet.events(search) if event.data.get("number") == 1]
    if state == "pruned":
        assert (trial.accuracy, trial.epochs, trial.device_seconds, trial.diagnosis) == (0.8, 1, 1.0, "fits")
        assert (run.result or {})["history"] == [0.8]
        assert kinds == ["trial.started", "trial.epoch", "trial.paused", "trial.finished"]
        assert kept == []
        assert fleet.search(search).active == 3
    else:
        assert (trial.reason, trial.message, kinds[-1]) == (None, None, "trial.resumed")
        assert len(kept) == 1
        assert fleet.must_lease("w9").number == 1


def test_a_worker_that_dies_at_its_rung_leaves_a_trial_that_waits(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(**{**PRUNED, "trials": 4, "pruner": {**PRUNED["pruner"], "reduction_factor": 4}})
    leases = [fleet.must_lease(f"w{number}") for number in range(4)]
    assert fleet.report(leases[1], 1, 0.8) == "drain"
    clock.advance(31)
    fleet.context.sweep()
    assert [run.state for run in fleet.runs(search)] == ["queued", "paused", "queued", "queued"]
    assert fleet.runs(search)[1].attempts == 1
    assert fleet.report(fleet.must_lease(), 1, 0.5) == "continue"
    for worker in ("w2", "w3"):
        fleet.report(fleet.must_lease(worker, "p2"), 1, 0.1)
    assert fleet.must_lease("w4").number == 1


def test_a_trial_that_waits_is_cancelled_and_taken_up_after_a_break(
    fleet: Fleet, paused: tuple[str, Lease, Lease]
) -> None:
    search, second, third = paused
    fleet.change(search, "pause")
    for lease in (second, third):
        assert fleet.report(lease, 1, 0.1) == "stop"
        assert fleet.release(lease, "drain") == "pruned"  # its worker ends before it has sent the result
    assert fleet.runs(search)[1].state == "queued"
    assert fleet.lease("w9") is None
    fleet.change(search, "resume")
    assert fleet.must_lease("w9").number == 1
    fleet.change(search, "cancel")
    assert fleet.runs(search)[1].state == fleet.trials(search)[1].state == "cancelled"


def test_cancel_reaches_a_trial_that_waits(fleet: Fleet, paused: tuple[str, Lease, Lease]) -> None:
    search, *_ = paused
    fleet.change(search, "cancel")
    assert {run.state for run in fleet.runs(search)} == {"cancelled"}
    assert fleet.search(search).active == 0


def test_when_the_time_is_spent_nobody_waits_for_trials_that_never_come(fleet: Fleet) -> None:
    search = fleet.submit(**{**PRUNED, "parallelism": 1, "max_device_seconds": 2.5, "sampler": {"name": "random"}})
    epochs = Counter[int]()
    while lease := fleet.lease():
        while not step(fleet, lease, epochs, Counter()):
            pass
    row = fleet.search(search)
    assert (row.state, row.planned) == ("succeeded", row.proposed)
    assert row.proposed < PRUNED["trials"]


@pytest.mark.parametrize("name", ["asha", "hyperband", "median"])
def test_a_pruner_leaves_as_many_as_the_finals_need(fleet: Fleet, name: str) -> None:
    changes: dict[str, Any] = {
        "pruner": {**PRUNED["pruner"], "name": name, "reduction_factor": 3},
        "sampler": {"name": "tpe", "startup_trials": 3, "window": 4},
        "finalists": {"count": 5, "seeds": 2},
    }
    found = []
    for parallelism in (1, 4, 16):
        search, _ = train(fleet, parallelism, random.Random(parallelism), **changes)
        rows = fleet.trials(search)
        found.append([(row.number, row.key, row.state, row.finalist) for row in rows])
        assert sum(row.state == "completed" for row in rows) >= 5
        assert sum(row.finalist for row in rows) == 5
        assert not {row.reason for row in rows} & {"held-back", "goes-on"}
    assert found[0] == found[1] == found[2]


HELD: dict[str, Any] = {
    **PRUNED,
    "trials": 3,
    "pruner": {**PRUNED["pruner"], "reduction_factor": 3},
    "finalists": {"count": 2, "seeds": 2},
}


def test_a_trial_that_is_held_back_goes_on_from_where_it_was(fleet: Fleet) -> None:
    search = fleet.submit(**HELD)
    leases = [fleet.must_lease(f"w{number}") for number in range(3)]
    assert [fleet.report(lease, 1, value) for lease, value in zip(leases, (0.9, 0.5, 0.4), strict=True)] == [
        "continue",
        "drain",
        "drain",
    ]
    for lease in leases[1:]:
        assert fleet.release(lease, "drain", "awaiting-rung") == "paused"
    second, third = fleet.trials(search)[1:]
    assert (second.state, second.reason, third.reason) == ("queued", "held-back", "held-back")
    assert second.message == "asha stopped it after epoch 1; it goes on if fewer than 2 trials complete"
    assert fleet.lease("w1") is None
    fleet.finish(leases[0], 0.95)
    second = fleet.trials(search)[1]
    assert (second.state, second.reason) == ("queued", "goes-on")
    assert (
        second.message == "asha stopped it after epoch 1, but fewer than 2 trials completed: it is trained to the end"
    )
    again = fleet.must_lease("w1")
    assert again.number == 1
    assert [fleet.report(again, epoch, 0.6) for epoch in (2, 3)] == ["continue", "continue"]  # also at rung 3
    fleet.finish(again, 0.7)
    states = [(row.state, row.reason, row.accuracy) for row in fleet.trials(search)]
    assert states == [("completed", None, 0.95), ("completed", None, 0.7), ("pruned", "pruned", 0.4)]
    assert fleet.search(search).state == "finalizing"
    assert {run.number for run in fleet.runs(search) if run.role == "final"} == {0, 1}


def test_one_that_was_held_back_and_fails_is_replaced_by_the_next(fleet: Fleet) -> None:
    search = fleet.submit(**HELD)
    leases = [fleet.must_lease(f"w{number}") for number in range(3)]
    for lease, value in zip(leases, (0.9, 0.5, 0.4), strict=True):
        fleet.report(lease, 1, value)
    for lease in leases[1:]:
        fleet.release(lease, "drain", "awaiting-rung")
    fleet.finish(leases[0], 0.95)
    fleet.finish(fleet.must_lease("w1"), None, "failed")
    last = fleet.must_lease("w2")
    assert last.number == 2
    fleet.finish(last, 0.5)
    assert [row.state for row in fleet.trials(search)] == ["completed", "failed", "completed"]


def test_a_search_that_is_cancelled_prunes_what_it_held_back(fleet: Fleet) -> None:
    search = fleet.submit(**HELD)
    leases = [fleet.must_lease(f"w{number}") for number in range(3)]
    for lease, value in zip(leases, (0.9, 0.5, 0.4), strict=True):
        fleet.report(lease, 1, value)
    fleet.release(leases[1], "drain", "awaiting-rung")
    fleet.change(search, "cancel")
    assert [row.state for row in fleet.trials(search)] == ["cancelled", "pruned", "cancelled"]


def test_proposals_take_what_is_held_back_for_pruned(fleet: Fleet) -> None:
    search = fleet.submit(**{**HELD, "trials": 9, "sampler": {"name": "tpe", "startup_trials": 3, "window": 3}})
    leases = [fleet.must_lease(f"w{number}") for number in range(3)]
    for lease, value in zip(leases, (0.9, 0.5, 0.4), strict=True):
        fleet.report(lease, 1, value)
    fleet.finish(leases[0], 0.95)
    for lease in leases[1:]:
        fleet.release(lease, "drain", "awaiting-rung")
    with fleet.context.read() as session:
        seen = outcomes_of(session, search)
        assert unsettled(session, search) == []
    assert [(one.state, one.accuracy, one.epochs) for one in seen[1:]] == [("pruned", 0.5, 1), ("pruned", 0.4, 1)]
    with fleet.context.read() as session:
        records = {one.number: one for one in map(history.outcome, trials.records(session, search))}
    assert [records[one.number] for one in seen[1:]] == [
        one._replace(costs=records[one.number].costs) for one in seen[1:]
    ]
    assert fleet.must_lease("w3").number == 3
