"""What the service tells Prometheus: states, read from the tables at each scrape."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.store.tables import RunRow, SearchRow, TrialRow

# Names as in models.compiler.reports; Prometheus adds _total. Deleting a search takes its share away, as a
# restart would.
COMPILATION = (
    ("compile_seconds", "Seconds that finished runs waited for their programs"),
    ("compiled_ahead_seconds", "Seconds of compiling that were over before a run asked for its program"),
    ("programs_compiled", "Programs that were compiled for finished runs"),
    ("programs_cached", "Programs that workers found in their cache on disk"),
)


def exposition(session: Session) -> str:
    """All metrics in the text format."""
    registry = CollectorRegistry()
    for name, row, what in (
        ("effscale_searches", SearchRow, "Searches by state"),
        ("effscale_trials", TrialRow, "Trials by state"),
        ("effscale_runs", RunRow, "Runs by state; those queued wait for a worker, those paused for other trials"),
    ):
        gauge = Gauge(name, what, ["state"], registry=registry)
        for state, count in session.execute(select(row.state, func.count()).group_by(row.state)):
            gauge.labels(state).set(count)
    seconds = Gauge("effscale_device_seconds", "Training time of all finished runs, in seconds", registry=registry)
    seconds.set(session.execute(select(func.coalesce(func.sum(SearchRow.device_seconds), 0.0))).scalar_one())
    registry.register(_Compilation(session))
    return generate_latest(registry).decode()


class _Compilation(Collector):
    """Sums over all runs. A `Counter` object would claim to have been created at this very scrape."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One family for each of `COMPILATION`."""
        sums = [func.coalesce(func.sum(getattr(TrialRow, name)), 0) for name, _ in COMPILATION]
        for (name, what), total in zip(COMPILATION, self._session.execute(select(*sums)).one(), strict=True):
            yield CounterMetricFamily(f"effscale_{name}", what, value=total)
