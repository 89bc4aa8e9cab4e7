"""What finished trainings took, by statements that both databases understand."""

from typing import Any

from service.store import runs
from service.store.timings import timings
from tests.conftest import Clock
from tests.service.fleet import OWNER, Fleet

FINALS: dict[str, Any] = {"trials": 1, "finalists": {"count": 1, "seeds": 3}}


def test_a_run_takes_all_its_attempts_and_its_share_of_what_is_trained_together(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(**FINALS)
    with fleet.context.read() as session:
        assert runs.seconds_of_a_run(session, search) is None
    fleet.release(first := fleet.must_lease("a"))
    assert first.number == 0
    first = fleet.must_lease("b")
    clock.advance(20.0)
    fleet.release(first)
    first = fleet.must_lease("a")
    clock.advance(10.0)
    fleet.finish(first)
    with fleet.context.read() as session:
        assert runs.seconds_of_a_run(session, search) == 30.0
    pack = fleet.pack(3, "a")
    with fleet.context.read() as session:
        assert runs.busy_workers(session) == {search: {"a"}}
    clock.advance(27.0)
    for lease in pack:
        fleet.finish(lease, packed=3)
    with fleet.context.read() as session:
        assert runs.seconds_of_a_run(session, search) == (30.0 + 3 * 9.0) / 4
        assert runs.busy_workers(session) == {}


def test_a_timing_is_of_one_training_on_one_kind_of_device(fleet: Fleet, clock: Clock) -> None:
    search = fleet.submit(trials=2)
    fleet.release(fleet.must_lease("a"))
    for seconds in (3.0, 5.0):
        fleet.finish(fleet.must_lease("a"), seconds=seconds)
    with fleet.context.read() as session:
        found = timings(session, OWNER)
        macs = {trial.number: trial.macs for trial in fleet.trials(search)}
    assert [(each.device, each.seconds, each.macs) for each in found] == [("cpu", 5.0, macs[1]), ("cpu", 3.0, macs[0])]


def test_results_that_were_taken_over_say_nothing_of_a_machine(fleet: Fleet, clock: Clock) -> None:
    fleet.submit(trials=2, reuse=True)
    for seconds in (3.0, 5.0):
        fleet.finish(fleet.must_lease("a"), seconds=seconds)
    clock.advance(1.0)
    again = fleet.submit(trials=3, reuse=True)
    fleet.finish(fleet.must_lease("a"), seconds=7.0)
    assert [trial.state for trial in fleet.trials(again)] == ["cached", "cached", "completed"]
    with fleet.context.read() as session:
        assert [each.seconds for each in timings(session, OWNER)] == [7.0, 5.0, 3.0]
