"""Workers without processes: they lease, report and finish by calling the service's own functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select

from search.spec.spec import SearchSpec
from service.api.context import ServiceContext
from service.core import leases, searches
from service.protocol.requests import Device, EpochMetrics, FinishIn, LeaseIn, ReleaseIn, ReportIn, RunResult
from service.store import runs
from service.store import searches as search_rows
from service.store.tables import EventRow, RunRow, SearchRow, Table, TrialRow

OWNER = "local"
# 275 feasible networks, no pruning, no finals, every search for itself: what a test needs of these it asks for
SPEC: dict[str, Any] = {
    "dataset": "digits",
    "baseline": "efficientnet-nano",
    "trials": 4,
    "target": {"tolerance": 0.5},
    "space": {"resolution_multiple": 1},
    "sampler": {"name": "random"},
    "pruner": {"name": "none"},
    "finalists": {"count": 0},
    "controls": False,  # most tests are of the trials alone
    "parallelism": 8,
    "reuse": False,
}
Dump = dict[str, list[tuple[Any, ...]]]


class Lease(NamedTuple):
    """What a worker remembers of the lease it was given."""

    id: str
    epoch: int
    search: str
    number: int
    role: str
    seed: int
    run: int

    @classmethod
    def of(cls, run: RunRow) -> "Lease":
        """From a run that was just leased."""
        assert run.lease_id is not None
        return cls(run.lease_id, run.lease_epoch, run.search_id, run.number, run.role, run.seed, run.id)


def metrics(accuracy: float) -> EpochMetrics:
    """What an epoch of that validation accuracy reports."""
    return EpochMetrics(
        train_loss=0.5,
        train_accuracy=0.9,
        validation_loss=0.6,
        validation_accuracy=accuracy,
        seconds=1.0,
        images_per_second=1000.0,
    )


def result(accuracy: float, seconds: float = 2.0, test_accuracy: float | None = None) -> RunResult:
    """What a training that ends with that accuracy sends."""
    return RunResult(
        accuracy=accuracy,
        best_accuracy=accuracy,
        best_epoch=8,
        train_accuracy=0.99,
        validation_loss=0.6,
        test_accuracy=test_accuracy,
        epochs=8,
        device_seconds=seconds,
    )


@dataclass(frozen=True)
class Fleet:
    """Drives a context as routes do: one transaction a request."""

    context: ServiceContext

    def submit(self, *, key: str | None = None, owner: str = OWNER, **changes: Any) -> str:
        """A new search of `SPEC` with these fields changed; its id."""
        spec = SearchSpec.model_validate({**SPEC, **changes})
        with self.context.write() as (session, now):
            return searches.submit(session, spec, owner, key, now)[0].id

    def lease(
        self, worker: str = "w", process: str = "p1", programs: Sequence[str] = (), pack: int = 1
    ) -> Lease | None:
        """What POST /v1/leases does without waiting."""
        cpu = Device(platform="cpu", kind="cpu")
        ask = LeaseIn(worker=worker, process=process, devices=[cpu], programs=list(programs), pack=pack)
        self.context.sweep()
        run = self._take(leases.reclaim, ask) or self._take(leases.claim, ask)
        while run is not None and run.state != "running":  # settled without training, or waits for an equal one
            run = self._take(leases.claim, ask)
        if run is None:
            return None
        assert run.lease_id is not None
        return Lease.of(run)

    def pack(self, size: int, worker: str = "w", process: str = "p1", programs: Sequence[str] = ()) -> list[Lease]:
        """A lease with its companions, for a worker that trains so many seeds at once."""
        first = self.lease(worker, process, programs, size)
        with self.context.read() as session:
            held = [Lease.of(run) for run in runs.held_by(session, worker)]
        assert first in held or not held
        return held

    def must_lease(self, worker: str = "w", process: str = "p1", programs: Sequence[str] = ()) -> Lease:
        """A lease where there has to be work."""
        lease = self.lease(worker, process, programs)
        assert lease is not None
        return lease

    def report(self, lease: Lease, epoch: int, accuracy: float) -> str:
        """The metrics of a 1-based epoch; the command that answers them."""
        return self._report(lease, ReportIn(lease_epoch=lease.epoch, epoch=epoch, metrics=metrics(accuracy)))

    def heartbeat(self, lease: Lease) -> str:
        """A sign of life; the command that answers it."""
        return self._report(lease, ReportIn(lease_epoch=lease.epoch))

    def finish(
        self, lease: Lease, accuracy: float | None = 0.9, outcome: str = "completed", seconds: float = 2.0, **more: Any
    ) -> str:
        """The end of a run, with these fields of its result; the state that it has then."""
        body = {"lease_epoch": lease.epoch, "outcome": outcome}
        outcome_result = None if accuracy is None else {**result(accuracy, seconds).model_dump(), **more}
        with self.context.write() as (session, now):
            return leases.finish(
                session, lease.id, FinishIn.model_validate({**body, "result": outcome_result}), now
            ).state

    def release(self, lease: Lease, reason: str = "crashed", message: str | None = None) -> str:
        """Give a run back unfinished; the state that it has then."""
        body = ReleaseIn.model_validate({"lease_epoch": lease.epoch, "reason": reason, "message": message})
        with self.context.write() as (session, now):
            return leases.release(session, lease.id, body, self.context.terms, now).state

    def change(self, search_id: str, what: str) -> None:
        """Pause, resume or cancel a search."""
        with self.context.write() as (session, now):
            getattr(searches, what)(session, search_rows.lock(session, search_id), now)

    def touch(self, search_id: str) -> None:
        """Change something of a search that every list shows."""
        with self.context.write() as (session, _now):
            search_rows.lock(session, search_id).version += 1

    def remove(self, search_id: str) -> None:
        """Delete a search."""
        with self.context.write() as (session, _now):
            search_rows.remove(session, search_id)

    def run_dry(self, accuracy: float = 0.9) -> list[Lease]:
        """Lease and complete until there is no work left; the leases in order."""
        done: list[Lease] = []
        while lease := self.lease("dry"):
            self.finish(lease, accuracy)
            done.append(lease)
        return done

    def search(self, search_id: str) -> SearchRow:
        """The row of a search."""
        with self.context.read() as session:
            return session.get_one(SearchRow, search_id)

    def trials(self, search_id: str) -> list[TrialRow]:
        """The trials of a search, in number order."""
        with self.context.read() as session:
            statement = select(TrialRow).where(TrialRow.search_id == search_id).order_by(TrialRow.number)
            return list(session.scalars(statement))

    def runs(self, search_id: str) -> list[RunRow]:
        """The runs of a search, in order of their making."""
        with self.context.read() as session:
            return list(session.scalars(select(RunRow).where(RunRow.search_id == search_id).order_by(RunRow.id)))

    def events(self, search_id: str) -> list[EventRow]:
        """The events of a search, in order of their ids."""
        with self.context.read() as session:
            statement = select(EventRow).where(EventRow.search_id == search_id).order_by(EventRow.id)
            return list(session.scalars(statement))

    def dump(self) -> Dump:
        """Every row of every table."""
        with self.context.read() as session:
            return {
                table.name: [tuple(row) for row in session.execute(table.select().order_by(*table.primary_key))]
                for table in Table.metadata.sorted_tables
            }

    def _take(self, take: Any, ask: LeaseIn) -> RunRow | None:
        with self.context.write() as (session, now):
            run: RunRow | None = take(session, ask, self.context.terms, now)
            return run

    def _report(self, lease: Lease, body: ReportIn) -> str:
        with self.context.write() as (session, now):
            return leases.report(session, lease.id, body, self.context.terms, now)[0]
