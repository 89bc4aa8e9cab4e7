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
    lease_state, api, clock = parts
    for _ in range(60):
        lease_state.send_due()
        clock.sleep(1.0)
    assert api.written == [("report", None)] * 5
    assert lease_state.due() == pytest.approx(30 / BEATS - 10 + 0, abs=10.0)


def test_due_is_the_time_to_the_next_heartbeat(parts: tuple[LeaseState, Api, Clock]) -> None:
    lease_state, _, clock = parts
    clock.sleep(4.0)
    assert lease_state.due() == pytest.approx(6.0)


def test_reports_wait_for_an_absent_service_and_keep_their_order(parts: tuple[LeaseState, Api, Clock]) -> None:
    lease_state, api, clock = parts
    api.answers = [Unreachable(), Unreachable(), Unavailable()]
    lease_state.report(1, METRICS)
    lease_state.report(2, METRICS)
    assert api.written == []
    for _ in range(10):
        clock.sleep(lease_state.due())
        lease_state.send_due()
    assert api.written[:2] == [("report", 1), ("report", 2)]


def test_nothing_is_written_once_the_lease_has_run_out(parts: tuple[LeaseState, Api, Clock]) -> None:
    lease_state, api, clock = parts
    clock.sleep(30.0)
    for write in (
        lease_state.send_due,
        lambda: lease_state.report(1, METRICS),
        lambda: lease_state.write_until_accepted(lambda _: api.finish),
    ):
        with pytest.raises(LeaseExpired):
            write()
    assert api.written == []


def test_a_report_that_was_taken_renews_the_lease(parts: tuple[LeaseState, Api, Clock]) -> None:
    lease_state, api, clock = parts
    clock.sleep(29.0)
    lease_state.report(1, METRICS)
    clock.sleep(29.0)
    lease_state.report(2, METRICS)
    assert [what for what in api.written if what[1] is not None] == [("report", 1), ("report", 2)]


def test_a_lost_lease_is_told_at_once(parts: tuple[LeaseState, Api, Clock]) -> None:
    lease_state, api, _ = parts
    api.answers = [LeaseLost()]
    with pytest.raises(LeaseLost):
        lease_state.report(1, METRICS)


@pytest.mark.parametrize(("told", "kept"), [(["stop", "continue"], "stop"), (["drain", "cancel", "stop"], "cancel")])
def test_the_gravest_command_counts(parts: tuple[LeaseState, Api, Clock], told: list[str], kept: str) -> None:
    lease_state, api, _ = parts
    api.answers = [{"command": command, "reason": command} for command in told]
    for number in range(1, len(told) + 1):
        lease_state.report(number, METRICS)
    assert (lease_state.command, lease_state.reason) == (kept, kept)


def test_insist_sends_unsent_reports_first_and_tries_until_it_works(parts: tuple[LeaseState, Api, Clock]) -> None:
    lease_state, api, _ = parts
    api.answers = [Unreachable(), Unreachable()]
    lease_state.report(1, METRICS)
    answer = lease_state.write_until_accepted(
        lambda timeout: api.finish(lease_state.lease, {"outcome": "completed", "reason": None}, timeout)
    )
    assert answer == {"state": "done"}
    assert api.written == [("report", 1), ("finish", "completed", None)]


def test_insist_gives_up_in_time_for_a_drain(parts: tuple[LeaseState, Api, Clock]) -> None:
    lease_state, api, clock = parts
    api.answers = [Unreachable()] * 1000
    began = clock()
    with pytest.raises(Unreachable):
        lease_state.write_until_accepted(
            lambda timeout: api.release(lease_state.lease, "drain", None, timeout), until=began + 7.0
        )
    assert clock() - began <= 7.0


def test_an_outage_is_told_once(parts: tuple[LeaseState, Api, Clock], caplog: pytest.LogCaptureFixture) -> None:
    lease_state, api, clock = parts
    api.answers = [Unreachable("nobody there")] * 5
    lease_state.report(1, METRICS)
    with caplog.at_level("INFO"):
        for _ in range(8):
            clock.sleep(lease_state.due())
            lease_state.send_due()
    assert [record.message for record in caplog.records] == [
        "nobody there; trying again until it answers",
        "http://fake answers again",
    ]
