"""What a worker writes under a lease, and when it stops."""

import pytest

from service.client.errors import LeaseLost, Unavailable, Unreachable
from service.worker.lease_state import BEATS, LeaseExpired, LeaseState
from service.worker.reachability import Reachability
from tests.service.worker.fakes import METRICS, Api, Clock, lease


@pytest.fixture
def parts() -> tuple[LeaseState, Api, Clock]:
    """A hold on a lease of 30 s."""
    clock, api = Clock(), Api()
    return LeaseState(lease(), api, Reachability(api.server), clock=clock, sleep=clock.sleep), api, clock  # type: ignore[arg-type]


def test_a_heartbeat_goes_out_every_third_of_the_lease(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, api, clock = parts
    for _ in range(60):
        hold.keep()
        clock.sleep(1.0)
    assert api.written == [("report", None)] * 5
    assert hold.due() == pytest.approx(30 / BEATS - 10 + 0, abs=10.0)


def test_due_is_the_time_to_the_next_heartbeat(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, _, clock = parts
    clock.sleep(4.0)
    assert hold.due() == pytest.approx(6.0)


def test_reports_wait_for_an_absent_service_and_keep_their_order(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, api, clock = parts
    api.answers = [Unreachable(), Unreachable(), Unavailable()]
    hold.report(1, METRICS)
    hold.report(2, METRICS)
    assert api.written == []
    for _ in range(10):
        clock.sleep(hold.due())
        hold.keep()
    assert api.written[:2] == [("report", 1), ("report", 2)]


def test_nothing_is_written_once_the_lease_has_run_out(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, api, clock = parts
    clock.sleep(30.0)
    for write in (hold.keep, lambda: hold.report(1, METRICS), lambda: hold.insist(lambda _: api.finish)):
        with pytest.raises(LeaseExpired):
            write()
    assert api.written == []


def test_a_report_that_was_taken_renews_the_lease(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, api, clock = parts
    clock.sleep(29.0)
    hold.report(1, METRICS)
    clock.sleep(29.0)
    hold.report(2, METRICS)
    assert [what for what in api.written if what[1] is not None] == [("report", 1), ("report", 2)]


def test_a_lost_lease_is_told_at_once(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, api, _ = parts
    api.answers = [LeaseLost()]
    with pytest.raises(LeaseLost):
        hold.report(1, METRICS)


@pytest.mark.parametrize(("told", "kept"), [(["stop", "continue"], "stop"), (["drain", "cancel", "stop"], "cancel")])
def test_the_gravest_command_counts(parts: tuple[LeaseState, Api, Clock], told: list[str], kept: str) -> None:
    hold, api, _ = parts
    api.answers = [{"command": command, "reason": command} for command in told]
    for number in range(1, len(told) + 1):
        hold.report(number, METRICS)
    assert (hold.command, hold.reason) == (kept, kept)


def test_insist_sends_unsent_reports_first_and_tries_until_it_works(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, api, _ = parts
    api.answers = [Unreachable(), Unreachable()]
    hold.report(1, METRICS)
    answer = hold.insist(lambda timeout: api.finish(hold.lease, {"outcome": "completed", "reason": None}, timeout))
    assert answer == {"state": "done"}
    assert api.written == [("report", 1), ("finish", "completed", None)]


def test_insist_gives_up_in_time_for_a_drain(parts: tuple[LeaseState, Api, Clock]) -> None:
    hold, api, clock = parts
    api.answers = [Unreachable()] * 1000
    began = clock()
    with pytest.raises(Unreachable):
        hold.insist(lambda timeout: api.release(hold.lease, "drain", None, timeout), until=began + 7.0)
    assert clock() - began <= 7.0


def test_an_outage_is_told_once(parts: tuple[LeaseState, Api, Clock], caplog: pytest.LogCaptureFixture) -> None:
    hold, api, clock = parts
    api.answers = [Unreachable("nobody there")] * 5
    hold.report(1, METRICS)
    with caplog.at_level("INFO"):
        for _ in range(8):
            clock.sleep(hold.due())
            hold.keep()
    assert [record.message for record in caplog.records] == [
        "nobody there; trying again until it answers",
        "http://fake answers again",
    ]
