"""The state of one lease inside a worker: unsent reports, the last command, the deadline."""

import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from service.client.errors import Refused
from service.worker.lease_client import Lease, LeaseClient
from service.worker.reachability import AWAY, Reachability

BEATS = 3  # heartbeats in a lease: two may be lost
MAX_TIMEOUT_SECONDS = 10.0  # of one report
SEVERITY = ("continue", "drain", "stop", "cancel")  # a later word overrides an earlier one

T = TypeVar("T")


class LeaseExpired(Exception):
    """By this worker's own clock the lease has run out: somebody else may hold it now."""


class LeaseState:
    """Reports in order, each until the service took it. Once `LeaseExpired` was raised nothing more is written."""

    def __init__(
        self,
        lease: Lease,
        api: LeaseClient,
        reachability: Reachability,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.lease = lease
        self.command = SEVERITY[0]
        self.reason: str | None = None
        self._api = api
        self._reachability = reachability
        self._clock = clock
        self._sleep = sleep
        self._unsent: deque[tuple[int, dict[str, float]]] = deque()
        self._valid_until = clock() + lease.seconds
        self._next_beat = clock() + lease.seconds / BEATS
        self._timeout = min(MAX_TIMEOUT_SECONDS, lease.seconds / BEATS)

    def report(self, epoch: int, metrics: dict[str, float]) -> None:
        """Note the metrics of a 1-based epoch, and try to send them."""
        self._unsent.append((epoch, metrics))
        self.send_due()

    def send_due(self) -> None:
        """Send what is due: reports, or a heartbeat. An absent service is not waited for.

        Raises `LeaseExpired`, and `LeaseLost` when the service says so.
        """
        self._check()
        if self._clock() < self._reachability.retry_at:  # one lease's failure tells it for all: each may take a timeout
            return
        try:
            self._send()
        except AWAY as error:
            delay = self._reachability.failed(error)
            self._reachability.retry_at = self._clock() + delay

    def due(self) -> float:
        """Seconds until `send_due` has something to do; at least 0."""
        waiting = bool(self._unsent) or self._clock() >= self._next_beat
        due = self._reachability.retry_at if waiting else self._next_beat
        return max(0.0, min(due, self._valid_until) - self._clock())

    def write_until_accepted(self, write: Callable[[float], T], until: float = float("inf")) -> T:
        """Do one write, again and again while the service is away, until the lease or `until` (clock) has passed.

        `write` gets a timeout in seconds. Reports that are still unsent go first.
        """
        while True:
            self._check()
            try:
                self._send()
                answer = write(self._timeout)
            except AWAY as error:
                delay = self._reachability.failed(error)
                if self._clock() + delay > until:
                    raise
                self._sleep(delay)
            else:
                self._reachability.answered()
                return answer

    def _check(self) -> None:
        if self._clock() >= self._valid_until:
            raise LeaseExpired(f"no report was taken for {self.lease.seconds:g} s")

    def _send(self) -> None:
        while self._unsent:
            try:
                self._send_report(*self._unsent[0])
            except Refused:
                self._unsent.popleft()  # it would be refused again, and stand in the way of the release
                raise
            self._unsent.popleft()
        if self._clock() >= self._next_beat:
            self._send_report(None, None)

    def _send_report(self, epoch: int | None, metrics: dict[str, float] | None) -> None:
        sent = self._clock()  # the lease is renewed when the report arrives, which is later
        answer = self._api.report(self.lease, epoch, metrics, self._timeout)
        self._reachability.answered()
        self._valid_until = sent + self.lease.seconds
        self._next_beat = sent + self.lease.seconds / BEATS
        if SEVERITY.index(answer["command"]) > SEVERITY.index(self.command):
            self.command, self.reason = answer["command"], answer.get("reason")
