"""The lease protocol: who holds what, whose words count, and what becomes of a run that nobody finishes."""

from collections.abc import Callable

import pytest

from service.core import leases
from service.errors import LeaseLost
from tests.conftest import Clock
from tests.service.fleet import Fleet, Lease

LEASE_SECONDS = 30.0  # of the `settings` fixture
Write = Callable[[Fleet, Lease], object]
WRITES: dict[str, Write] = {
    "heartbeat": lambda fleet, lease: fleet.heartbeat(lease),
    "report": lambda fleet, lease: fleet.report(lease, 1, 0.5),
    "finish": lambda fleet, lease: fleet.finish(lease, 0.1),
    "failure": lambda fleet, lease: fleet.finish(lease, None, "failed"),
    "release": lambda fleet, lease: fleet.release(lease),
    "drain": lambda fleet, lease: fleet.release(lease, "drain"),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


def test_every_worker_gets_another_network(fleet: Fleet) -> None:
    search = fleet.submit(trials=6)
    given = [fleet.must_lease(f"w{number}") for number in range(6)]
    assert [lease.number for lease in given] == list(range(6))
    assert len({trial.key for trial in fleet.trials(search)}) == 6
    assert len({lease.id for lease in given}) == 6
    assert fleet.lease("w6") is None  # all that were asked for are being trained


def test_the_same_process_gets_its_lease_back(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit()
    first = fleet.must_lease("w", "p1")
    clock.advance(20)
    assert fleet.lease("w", "p1") == first
    (run,) = fleet.runs(search)
    assert (run.attempts, run.lease_epoch, run.expires_at) == (1, 1, clock() + LEASE_SECONDS)


def test_another_process_of_the_same_name_takes_over_at_once(fleet: Fleet) -> None:
    search = fleet.submit()
    old = fleet.must_lease("w", "p1")
    new = fleet.must_lease("w", "p2")
    assert (new.run, new.epoch) == (old.run, old.epoch + 1)
    assert new.id != old.id
    (run,) = fleet.runs(search)
    assert run.attempts == 2
    assert [event.data["reason"] for event in fleet.events(search) if event.type == "run.requeued"] == ["replaced"]


@every_write
def test_a_write_of_an_older_attempt_changes_nothing(fleet: Fleet, write: Write) -> None:
    fleet.submit()
    old = fleet.must_lease("w", "p1")
    fleet.must_lease("w", "p2")
    before = fleet.dump()
    with pytest.raises(LeaseLost):
        write(fleet, old)
    assert fleet.dump() == before


@every_write
def test_a_right_lease_with_an_older_epoch_changes_nothing(fleet: Fleet, write: Write) -> None:
    fleet.submit()
    fleet.must_lease("w", "p1")
    lease = fleet.must_lease("w", "p2")
    before = fleet.dump()
    with pytest.raises(LeaseLost):
        write(fleet, lease._replace(epoch=lease.epoch - 1))
    assert fleet.dump() == before


@every_write
def test_a_lease_that_never_was_changes_nothing(fleet: Fleet, write: Write) -> None:
    fleet.submit()
    lease = fleet.must_lease()
    before = fleet.dump()
    with pytest.raises(LeaseLost):
        write(fleet, lease._replace(id="lnobody"))
    assert fleet.dump() == before


@every_write
def test_a_zombie_changes_nothing_after_its_lease_ran_out(
    fleet: Fleet, clock: Clock, write: Write, request: pytest.FixtureRequest
) -> None:
    fleet.submit()
    zombie = fleet.must_lease("zombie")
    clock.advance(LEASE_SECONDS + 1)
    assert fleet.context.sweep() == 1
    before = fleet.dump()
    if write in (WRITES["release"], WRITES["drain"]):  # given back already: saying so again is harmless
        assert write(fleet, zombie) == "queued"
    else:
        with pytest.raises(LeaseLost):
            write(fleet, zombie)
    assert fleet.dump() == before


def test_a_heartbeat_renews_the_lease(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit()
    lease = fleet.must_lease()
    for _ in range(5):
        clock.advance(LEASE_SECONDS - 1)
        assert fleet.heartbeat(lease) == "continue"
        assert fleet.context.sweep() == 0
    assert fleet.runs(search)[0].state == "running"


def test_a_report_renews_the_lease(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit()
    lease = fleet.must_lease()
    clock.advance(LEASE_SECONDS - 1)
    fleet.report(lease, 1, 0.5)
    clock.advance(LEASE_SECONDS - 1)
    assert fleet.context.sweep() == 0
    assert fleet.runs(search)[0].state == "running"


def test_a_silent_worker_loses_its_lease_and_the_run_goes_to_another(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit()
    old = fleet.must_lease("silent")
    clock.advance(LEASE_SECONDS)
    assert fleet.context.sweep() == 0  # to the last second
    clock.advance(0.001)
    assert fleet.context.sweep() == 1
    (run,) = fleet.runs(search)
    assert (run.state, run.reason, run.expires_at) == ("queued", "lease-expired", None)
    new = fleet.must_lease("other")
    assert (new.run, new.epoch) == (old.run, old.epoch + 1)
    assert fleet.finish(new) == "completed"


def test_a_lease_that_was_renewed_after_the_sweep_looked_lives_on(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit()
    lease = fleet.must_lease()
    clock.advance(LEASE_SECONDS + 1)
    fleet.heartbeat(lease)  # nobody has swept yet: it is still this worker's
    before = fleet.dump()
    with fleet.context.write() as (session, now):
        assert not leases.expire(session, search, lease.run, fleet.context.terms, now)
        assert not leases.expire(session, "unknown", lease.run + 1, fleet.context.terms, now)
    assert fleet.dump() == before


def test_after_three_counted_attempts_a_trial_is_quarantined_and_the_search_goes_on(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(trials=2, parallelism=1)
    for attempt in range(3):
        assert fleet.must_lease(f"w{attempt}").number == 0
        clock.advance(LEASE_SECONDS + 1)
        fleet.context.sweep()
    (poisoned,) = fleet.trials(search)
    assert (poisoned.state, poisoned.reason, poisoned.attempts) == ("quarantined", "lease-expired", 3)
    assert poisoned.message is not None
    assert "3 attempts" in poisoned.message
    assert "w2" in poisoned.message
    healthy = fleet.must_lease("w3")
    assert healthy.number == 1
    fleet.finish(healthy)
    assert fleet.search(search).state == "succeeded"
    assert [event.data["state"] for event in fleet.events(search) if event.type == "trial.finished"] == [
        "quarantined",
        "completed",
    ]


@pytest.mark.parametrize("reason", ["crashed", "checkpoint-failed", "error"])
def test_a_release_with_a_fault_counts(fleet: Fleet, reason: str) -> None:
    search = fleet.submit(trials=1)
    states = [fleet.release(fleet.must_lease(), reason, "exit -11") for _ in range(3)]
    assert states == ["queued", "queued", "quarantined"]
    message = fleet.trials(search)[0].message
    assert message is not None
    assert "exit -11" in message
    assert fleet.search(search).state == "failed"


def test_draining_does_not_count(fleet: Fleet) -> None:
    search = fleet.submit(trials=1)
    for _ in range(10):
        assert fleet.release(fleet.must_lease(), "drain") == "queued"
    (run,) = fleet.runs(search)
    assert (run.attempts, run.lease_epoch) == (0, 10)
    assert fleet.finish(fleet.must_lease()) == "completed"


def test_a_finish_is_recorded_once_and_repeating_it_answers_the_same(fleet: Fleet) -> None:
    search = fleet.submit()
    lease = fleet.must_lease()
    assert fleet.finish(lease, 0.9) == "completed"
    before = fleet.dump()
    assert fleet.finish(lease, 0.9) == "completed"
    assert fleet.finish(lease, 0.1, "pruned") == "completed"  # even with another story
    assert fleet.release(lease) == "completed"
    assert fleet.dump() == before
    assert fleet.trials(search)[0].accuracy == 0.9


@pytest.mark.parametrize("outcome", ["completed", "pruned", "infeasible", "failed"])
def test_a_finish_after_cancel_changes_nothing(fleet: Fleet, outcome: str) -> None:
    search = fleet.submit()
    lease = fleet.must_lease()
    fleet.report(lease, 1, 0.5)
    fleet.change(search, "cancel")
    before = fleet.dump()
    assert fleet.finish(lease, 0.99, outcome) == "cancelled"
    assert fleet.dump() == before
    assert fleet.trials(search)[0].accuracy is None


def test_a_search_keeps_what_was_finished_before_cancel(fleet: Fleet) -> None:
    search = fleet.submit(parallelism=2)
    done, running = fleet.must_lease("a"), fleet.must_lease("b")
    fleet.finish(done, 0.8)
    fleet.change(search, "cancel")
    assert [trial.state for trial in fleet.trials(search)] == ["completed", "cancelled"]
    assert fleet.heartbeat(running) == "cancel"
    assert fleet.report(running, 1, 0.4) == "cancel"
    assert fleet.lease("c") is None


def test_pause_drains_at_the_next_report_and_resume_goes_on(fleet: Fleet) -> None:
    search = fleet.submit(trials=2)
    lease = fleet.must_lease()
    assert fleet.report(lease, 1, 0.5) == "continue"
    fleet.change(search, "pause")
    assert fleet.heartbeat(lease) == "drain"
    assert fleet.report(lease, 2, 0.6) == "drain"
    assert fleet.release(lease, "drain") == "queued"
    assert fleet.lease() is None  # nothing is leased of a paused search
    fleet.change(search, "pause")  # repeating is harmless
    fleet.change(search, "resume")
    fleet.change(search, "resume")
    again = fleet.must_lease()
    assert (again.run, again.epoch) == (lease.run, lease.epoch + 1)
    assert fleet.finish(again) == "completed"
    fleet.run_dry()
    assert fleet.search(search).state == "succeeded"
    types = [event.type for event in fleet.events(search) if event.type.startswith("search.")]
    assert types.count("search.paused") == types.count("search.resumed") == 1


def test_a_result_that_comes_during_a_pause_is_taken(fleet: Fleet) -> None:
    search = fleet.submit(trials=1)
    lease = fleet.must_lease()
    fleet.change(search, "pause")
    assert fleet.finish(lease, 0.7) == "completed"
    assert fleet.search(search).state == "paused"
    fleet.change(search, "resume")
    assert fleet.search(search).state == "succeeded"


def test_the_weakest_are_told_to_stop(fleet: Fleet) -> None:
    search = fleet.submit(trials=6, pruner={"name": "asha", "min_epochs": 2, "reduction_factor": 3})
    given = [fleet.must_lease(f"w{number}") for number in range(6)]
    first = {lease.number: fleet.report(lease, 1, 0.1) for lease in given}
    assert set(first.values()) == {"continue"}  # epoch 1 is no rung
    commands = {lease.number: fleet.report(lease, 2, 0.9 - lease.number / 10) for lease in given}
    assert commands[0] == "continue"  # the reference is never stopped
    assert commands[5] == "stop"
    stopped = given[5]
    assert fleet.finish(stopped, 0.4, "pruned") == "pruned"
    trial = fleet.trials(search)[5]
    assert (trial.state, trial.accuracy) == ("pruned", 0.4)


def test_the_reference_is_not_stopped_however_bad(fleet: Fleet) -> None:
    fleet.submit(trials=6, pruner={"name": "asha", "min_epochs": 1, "reduction_factor": 2})
    reference, *others = [fleet.must_lease(f"w{number}") for number in range(6)]
    for lease in others:
        fleet.report(lease, 1, 0.9)
    assert fleet.report(reference, 1, 0.0) == "continue"


def test_a_resumed_attempt_reports_an_epoch_again(fleet: Fleet) -> None:
    search = fleet.submit()
    lease = fleet.must_lease()
    fleet.report(lease, 1, 0.5)
    fleet.release(lease, "drain")
    again = fleet.must_lease()
    fleet.report(again, 1, 0.5)
    fleet.report(again, 2, 0.6)
    fleet.finish(again, 0.6)
    result = fleet.runs(search)[0].result
    assert result is not None
    assert result["history"] == [0.5, 0.6]
