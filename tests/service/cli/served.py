"""A service over HTTP in a thread, with searches that workers without processes have trained."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from service.api.app import create_app
from service.api.context import ServiceContext
from tests.conftest import Clock
from tests.service.fleet import Fleet

EPOCHS = 8
GOOD = 0.9  # accuracy of trial 0; each further one is a little worse


@dataclass(frozen=True)
class Served:
    """Where the service listens, and the searches that it holds: one has ended, one runs, one was cancelled."""

    url: str
    fleet: Fleet
    ended: str
    running: str
    cancelled: str


@contextmanager
def serve(context: ServiceContext) -> Iterator[str]:
    """The address of a service."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(context), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        context.wakeups.wake_all()
        thread.join()
        listener.close()


def train(fleet: Fleet, runs: int | None = None) -> None:
    """Lease, report and complete so many runs, or all there are, with accuracies that follow from number and seed."""
    done = 0
    while done != runs and (lease := fleet.lease("box-1")) is not None:
        last = GOOD - 0.013 * lease.number + 0.002 * (lease.seed % 5)
        for epoch in range(1, EPOCHS + 1):
            fleet.report(lease, epoch, round(last * (1 - 0.5**epoch), 4))
        fleet.finish(lease, round(last, 4), seconds=12.0, last_accuracy=round(last, 4))
        done += 1


def story(context: ServiceContext, clock: Clock, url: str) -> Served:
    """Three searches, one minute after the other."""
    fleet = Fleet(context)
    ended = fleet.submit(
        name="how to double digits", trials=8, finalists={"count": 2, "seeds": 3}, recipe={"epochs": EPOCHS}
    )
    train(fleet)
    clock.advance(60)
    cancelled = fleet.submit(name="Größe 大きい", trials=4, seed=3)
    fleet.change(cancelled, "cancel")
    clock.advance(60)
    running = fleet.submit(trials=6, seed=2, recipe={"epochs": EPOCHS})
    train(fleet, runs=3)
    return Served(url, fleet, ended, running, cancelled)
