"""What the service tells Prometheus: states, read from the tables at each scrape."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.tables import RunRow, SearchRow, TrialRow


def exposition(session: Session) -> str:
    """All metrics in the text format."""
    registry = CollectorRegistry()
    for name, row, what in (
        ("effscale_searches", SearchRow, "Searches by state"),
        ("effscale_trials", TrialRow, "Trials by state"),
        ("effscale_runs", RunRow, "Runs by state; those queued wait for a worker"),
    ):
        gauge = Gauge(name, what, ["state"], registry=registry)
        for state, count in session.execute(select(row.state, func.count()).group_by(row.state)):
            gauge.labels(state).set(count)
    seconds = Gauge("effscale_device_seconds", "Training time of all finished runs, in seconds", registry=registry)
    seconds.set(session.execute(select(func.coalesce(func.sum(SearchRow.device_seconds), 0.0))).scalar_one())
    return generate_latest(registry).decode()
