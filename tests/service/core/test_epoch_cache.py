"""A training that was pruned is not begun again where its epochs are enough to judge an equal one by."""

import random
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from service.api.settlement import settle
from service.store.tables import EpochRow
from tests.service.core import test_fidelity
from tests.service.core.test_fidelity import EPOCHS, PRUNED, accuracy, step, train
from tests.service.fleet import Fleet, Lease

SHARED: dict[str, Any] = {**PRUNED, "reuse": True}
KNOWN = {"completed": "cached", "pruned": "pruned"}  # what an equal trial comes to


@pytest.fixture(autouse=True)
def _nobody_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_fidelity, "FAILS", {})


def ended(fleet: Fleet, search: str) -> list[tuple[int, str, int, float | None]]:
    return [(row.number, KNOWN.get(row.state, row.state), row.epochs, row.accuracy) for row in fleet.trials(search)]


def curves(fleet: Fleet, search: str) -> list[tuple[int, int, float]]:
    with fleet.context.read() as session:
        statement = select(EpochRow).where(EpochRow.search_id == search).order_by(EpochRow.run_id, EpochRow.epoch)
        first = min(run.id for run in fleet.runs(search))
        return [(row.run_id - first, row.epoch, row.validation_accuracy) for row in session.scalars(statement)]


def work_off(fleet: Fleet, worker: str = "w") -> list[Lease]:
    """Train whatever there is to train, one after the other; the leases."""
    leases = []
    while lease := fleet.lease(worker):
        leases.append(lease)
        done = Counter[int]()  # each from its first epoch on
        while not step(fleet, lease, done, Counter()):
            continue
    return leases


@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "curve"])
def test_an_equal_search_with_pruning_trains_nothing_and_comes_to_the_same(fleet: Fleet, name: str) -> None:
    spec = {**SHARED, "pruner": {**SHARED["pruner"], "name": name}}
    first, _ = train(fleet, 4, random.Random(0), **spec)
    assert {row.state for row in fleet.trials(first)} == {"completed", "pruned"}
    second = fleet.submit(**spec)
    settle(fleet.context, [second])
    assert fleet.lease("w") is None
    assert fleet.search(second).state == "succeeded"
    assert ended(fleet, second) == ended(fleet, first)
    assert curves(fleet, second) == curves(fleet, first)
    row = fleet.search(second)
    assert (row.active, row.waiting, row.device_seconds) == (0, 0, 0)
    for trial, run in zip(fleet.trials(second), fleet.runs(second), strict=True):
        assert trial.cached_from == run.cached_from == f"{first}/{trial.number}/0"
        assert (trial.attempts, trial.device_seconds, trial.compile_seconds) == (0, 0, 0)
        assert trial.state == "cached" or (trial.message or "").endswith(f"those of {first}/{trial.number}/0")
    told = [event for event in fleet.events(second) if event.type == "trial.finished"]
    assert {event.data["number"]: event.data["cached_from"] for event in told} == {
        trial.number: trial.cached_from for trial in fleet.trials(second)
    }


def test_copies_of_pruned_trainings_serve_when_their_source_is_gone(fleet: Fleet) -> None:
    first, _ = train(fleet, 4, random.Random(0), **SHARED)
    before = ended(fleet, first)
    second = fleet.submit(**SHARED)
    settle(fleet.context, [second])
    fleet.remove(first)
    third = fleet.submit(**SHARED)
    assert work_off(fleet) == []
    assert ended(fleet, third) == ended(fleet, second) == before
    assert [run.cached_from for run in fleet.runs(third)] == [run.cached_from for run in fleet.runs(second)]


def test_one_that_goes_on_where_the_other_was_stopped_is_trained_and_says_so(fleet: Fleet) -> None:
    first, _ = train(fleet, 4, random.Random(0), **SHARED)
    stopped = [row.number for row in fleet.trials(first) if row.state == "pruned"]
    second = fleet.submit(**{**SHARED, "pruner": {"name": "none"}})
    assert [lease.number for lease in work_off(fleet)] == stopped
    for trial in fleet.trials(second):
        again = trial.number in stopped
        assert trial.state == ("completed" if again else "cached")
        assert trial.epochs == EPOCHS
        assert (trial.cached_from is None, trial.device_seconds) == (again, EPOCHS * 1.0 if again else 0)


def test_one_that_waits_at_a_copied_rung_is_trained_once_it_may_go_on(fleet: Fleet) -> None:
    """The second search judges by halves where the first kept one in four."""
    strict = {**SHARED, "pruner": {**SHARED["pruner"], "reduction_factor": 4}}
    first, _ = train(fleet, 4, random.Random(0), **strict)
    second = fleet.submit(**SHARED)
    again = [lease.number for lease in work_off(fleet)]
    trials = {row.number: row for row in fleet.trials(second)}
    assert fleet.search(second).state == "succeeded"
    assert 0 < len(again) < sum(row.state == "pruned" for row in fleet.trials(first))
    for number, trial in trials.items():
        expected = {"completed", "pruned"} if number in again else {"cached", "pruned"}
        assert trial.state in expected
        assert trial.cached_from == (None if number in again else f"{first}/{number}/0")
        assert trial.accuracy == accuracy(number, trial.epochs)
    alone, _ = train(fleet, 4, random.Random(1))
    for number, _, epochs, value in ended(fleet, alone):
        if trials[number].state == "pruned":  # by the same rule at the same rung
            assert (epochs, value) == (trials[number].epochs, trials[number].accuracy)


def test_one_that_waits_belongs_to_no_worker_and_the_search_may_be_cancelled(fleet: Fleet) -> None:
    train(fleet, 4, random.Random(0), **{**SHARED, "trials": 6})
    second = fleet.submit(**SHARED)  # of 12 trials: the sixth has a whole block to wait for
    settle(fleet.context, [second])
    waits = [row for row in fleet.trials(second) if row.reason == "awaiting-rung"]
    assert waits
    assert {row.state for row in waits} == {"queued"}
    assert all(run.state != "running" for run in fleet.runs(second))
    fleet.change(second, "cancel")
    assert {row.state for row in fleet.trials(second)} <= {"cached", "cancelled", "pruned"}
    row = fleet.search(second)
    assert (row.state, row.active, row.waiting) == ("cancelled", 0, 0)
