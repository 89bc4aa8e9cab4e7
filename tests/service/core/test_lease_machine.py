"""The lease protocol under whatever order of events: workers that stop, restart, come back too late; clocks; users.

After every step the rows must agree with each other, and with what can never be taken back.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from search.results.trial_records import TERMINAL
from service.api.context import ServiceContext
from service.errors import Conflict, LeaseLost
from service.store import searches as search_rows
from service.store.tables import RunRow
from tests.conftest import Clock, empty
from tests.service.fleet import Fleet, Lease

WORKERS = ("w0", "w1", "w2", "w3")
MAX_SEARCHES = 3
EXAMPLES = {"sqlite": 20, "postgresql": 8}
STEPS = 30
workers = st.sampled_from(WORKERS)
accuracies = st.sampled_from([0.1, 0.5, 0.9])


class LeaseMachine(RuleBasedStateMachine):
    """A service without HTTP, and workers without processes."""

    leases = Bundle("leases")  # every lease ever given, long lost ones too

    def __init__(self, context: ServiceContext, clock: Clock) -> None:
        super().__init__()
        empty(context.engine)
        self.fleet, self.clock = Fleet(context), clock
        self.processes: Counter[str] = Counter()
        self.searches: list[str] = []
        self.ended: dict[Any, Any] = {}  # what was seen of rows in a terminal state
        self.epochs: dict[int, int] = {}  # the largest lease_epoch seen, by run

    @initialize()
    def begin(self) -> None:
        """There is something to do from the first step on."""
        self.submit(trials=3, parallelism=2, finalists=1, max_device_seconds=None, pruner="asha", window=16, reuse=True)

    @precondition(lambda self: len(self.searches) < MAX_SEARCHES)
    @rule(
        trials=st.integers(1, 4),
        parallelism=st.integers(1, 3),
        finalists=st.integers(0, 1),
        max_device_seconds=st.none() | st.just(4.0),
        pruner=st.sampled_from(["asha", "hyperband", "median", "curve"]),
        window=st.integers(1, 5),
        reuse=st.sampled_from([True, True, False]),
    )
    def submit(
        self,
        trials: int,
        parallelism: int,
        finalists: int,
        max_device_seconds: float | None,
        pruner: str,
        window: int,
        reuse: bool,
    ) -> None:
        """A user submits a search, perhaps with little device time. Its networks are those of the others."""
        self.searches.append(
            self.fleet.submit(
                trials=trials,
                parallelism=parallelism,
                finalists={"count": finalists, "seeds": 2},
                pruner={"name": pruner, "min_epochs": 1, "reduction_factor": 2},
                sampler={"name": "random", "window": window},
                max_device_seconds=max_device_seconds,
                priority=len(self.searches) % 2,
                reuse=reuse,
            )
        )

    @rule(target=leases, worker=workers, size=st.sampled_from([1, 1, 2, 3]))
    def lease(self, worker: str, size: int) -> Any:
        """A worker asks for work, perhaps for several seeds at once."""
        return multiple(*self.fleet.pack(size, worker, f"p{self.processes[worker]}"))

    @rule(worker=workers)
    def restart(self, worker: str) -> None:
        """A worker process dies; another one of its name will ask."""
        self.processes[worker] += 1

    @rule(lease=leases)
    def heartbeat(self, lease: Lease) -> None:
        """A sign of life, perhaps of a zombie."""
        self.write(lease, lambda: self.fleet.heartbeat(lease))

    @rule(lease=leases, epoch=st.integers(1, 3), accuracy=accuracies)
    def report(self, lease: Lease, epoch: int, accuracy: float) -> None:
        """Metrics, perhaps of a zombie."""
        self.write(lease, lambda: self.fleet.report(lease, epoch, accuracy))

    @rule(lease=leases, accuracy=accuracies, outcome=st.sampled_from(["completed", "completed", "pruned", "failed"]))
    def finish(self, lease: Lease, accuracy: float, outcome: str) -> None:
        """A result, perhaps of a zombie, perhaps sent again."""
        answer = self.write(lease, lambda: self.fleet.finish(lease, accuracy, outcome, **asked_for(lease)))
        assert answer is None or answer in TERMINAL

    @rule(lease=leases, reason=st.sampled_from(["drain", "crashed"]))
    def release(self, lease: Lease, reason: str) -> None:
        """A run is given back, perhaps by a zombie."""
        self.write(lease, lambda: self.fleet.release(lease, reason))

    @rule(seconds=st.sampled_from([1.0, 29.0, 31.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        """The service looks for silent workers."""
        self.fleet.context.sweep()

    @rule(what=st.sampled_from(["pause", "resume", "resume", "cancel"]), number=st.integers(0, MAX_SEARCHES - 1))
    def change(self, what: str, number: int) -> None:
        """A user pauses, resumes or cancels a search."""
        search = self.searches[number % len(self.searches)]
        before = self.fleet.dump()
        try:
            self.fleet.change(search, what)
        except Conflict:
            assert self.fleet.dump() == before

    def write(self, lease: Lease, act: Any) -> str | None:
        """A write of a worker: it counts if the lease is live, and changes nothing if it is not."""
        run = next((run for run in self.fleet.runs(lease.search) if run.id == lease.run), None)
        assert run is not None
        live = (run.lease_id, run.lease_epoch, run.state) == (lease.id, lease.epoch, "running")
        before = None if live else self.fleet.dump()
        try:
            answer: str = act()
        except LeaseLost:
            assert not live
            answer = "lost"
        if before is not None:
            assert self.fleet.dump() == before
        return None if answer == "lost" else answer

    @invariant()
    def counters_equal_the_rows(self) -> None:
        """`proposed`, `active` and `waiting` are what counting gives, and nothing is stuck."""
        for search_id in self.searches:
            search, trials = self.fleet.search(search_id), self.fleet.trials(search_id)
            runs = self.fleet.runs(search_id)
            paused = {run.number for run in runs if run.state == "paused"}
            active = sum(trial.state not in TERMINAL and trial.number not in paused for trial in trials)
            waiting = sum(run.state == "queued" for run in runs)
            running = sum(run.state == "running" for run in runs)
            assert (search.proposed, search.active, search.waiting) == (len(trials), active, waiting)
            assert len({run.worker for run in runs if run.state == "running"}) <= search.parallelism
            assert len({trial.key for trial in trials}) == len(trials) <= search.planned
            if search.state in search_rows.OPEN:
                assert running or waiting or (search.proposed < search.planned and active < search.parallelism)
            elif search.state in search_rows.TERMINAL:
                assert not running + waiting + active + len(paused)

    @invariant()
    def every_run_is_recorded_once(self) -> None:
        """Terminal rows never change, fencing numbers never fall, and each ending is told once."""
        live: dict[str | None, set[Any]] = {}
        for search_id in self.searches:
            search = self.fleet.search(search_id)
            if search.state in search_rows.TERMINAL:
                self.same(search_id, (search.state, search.finished_at))
            for run in self.fleet.runs(search_id):
                assert run.lease_epoch >= self.epochs.get(run.id, 0)
                self.epochs[run.id] = run.lease_epoch
                if run.state in TERMINAL:
                    self.same(run.id, recorded(run))
                if run.state == "running":
                    live.setdefault(run.worker, set()).add((run.trial_id, run.role, run.process))
                    assert run.lease_id is not None
                    assert run.expires_at is not None
            for trial in self.fleet.trials(search_id):
                if trial.state in TERMINAL:
                    self.same((search_id, trial.number), trial.state)
            events = self.fleet.events(search_id)
            told = Counter(
                (e.data["number"], e.data["role"], e.data["seed"]) for e in events if e.type == "trial.finished"
            )
            assert set(told.values()) <= {1}
        assert {len(held) for held in live.values()} <= {1}  # what a worker holds differs in seeds alone

    @invariant()
    def every_key_is_trained_once(self) -> None:
        """Of equal trainings one runs at a time, and after one that was completed none; a copy is never trained."""
        trained: Counter[str] = Counter()
        for search_id in self.searches:
            for run in self.fleet.runs(search_id):
                if run.cache_key is not None and run.state in ("running", "completed"):
                    trained[run.cache_key] += 1
                assert run.state != "cached" or run.cached_from is not None
                if run.cached_from is not None:  # or the epochs it is judged by are a pruned training's
                    assert run.state in ("cached", "pruned", "paused", "queued", "cancelled")
                    assert run.cache_key is not None
        assert set(trained.values()) <= {1}

    def same(self, key: Any, value: Any) -> None:
        """What was seen once under this key is seen for ever."""
        assert self.ended.setdefault(key, value) == value

    def teardown(self) -> None:
        """Whatever happened, one healthy worker brings every search to its end."""
        for search_id in self.searches:
            if self.fleet.search(search_id).state == "paused":
                self.fleet.change(search_id, "resume")
        self.clock.advance(31)
        while lease := self.fleet.lease("dry"):
            self.fleet.finish(lease, **asked_for(lease))
        assert {self.fleet.search(search_id).state for search_id in self.searches} <= set(search_rows.TERMINAL)
        self.every_run_is_recorded_once()
        self.every_key_is_trained_once()


def asked_for(lease: Lease) -> dict[str, float]:
    """What a final run measures beside the training."""
    return {"test_accuracy": 0.8, "latency_ms": 1.5} if lease.role == "final" else {}


def recorded(run: RunRow) -> tuple[Any, ...]:
    """What a finished run says for good."""
    return run.state, run.reason, run.result, run.accuracy, run.lease_epoch, run.attempts


@pytest.mark.timeout(240)
def test_no_order_of_events_breaks_the_protocol(context: ServiceContext, clock: Clock) -> None:
    def machine() -> LeaseMachine:
        return LeaseMachine(context, clock)

    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # any callable will do
        settings=settings(
            max_examples=EXAMPLES[context.engine.dialect.name],
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
