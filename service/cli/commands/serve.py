"""`effscale up`, `api`, `worker`, `migrate`: the service and its parts."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from models.wording import counted
from service.cli.inputs.options import DatabaseUrl, DataDir, Json, Server, settings
from service.cli.presentation.failure import INTERRUPTED, JobFailed, UsageFailure
from service.cli.presentation.output import emit

Host = Annotated[
    str | None,
    typer.Option(
        "--host", help="Address to bind; others than loopback need an API key [127.0.0.1].", show_default=False
    ),
]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65_535, help="Port to bind [8000].", show_default=False)]
WorkerData = Annotated[
    str | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Data sets and weights registered on this machine [EFFSCALE_DATA_DIR; ./effscale-data].",
        show_default=False,
    ),
]
Parent = Annotated[int | None, typer.Option("--parent", hidden=True, help="End when this process does.")]


def up(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    workers: Annotated[
        int | None, typer.Option(min=0, max=256, help="Worker processes [one per accelerator].", show_default=False)
    ] = None,
) -> None:
    """Run the whole service: migrate, API, web page, workers. Ctrl-C drains them; a second one ends them at once."""
    from service.operations.supervisor import GaveUp, Interrupt, Supervisor, accelerators

    chosen = settings(host=host, port=port, data_dir=data_dir, database_url=database_url)
    set_up_logging(chosen.log_level)
    count = max(1, len(accelerators(os.environ))) if workers is None else workers
    supervisor = Supervisor(chosen, workers=count)
    with interrupted_by(lambda: supervisor.ends.put(Interrupt()), supervisor.kill), start_failures(), supervisor:
        announce(f"effscale serves {supervisor.url}; {counted(count, 'worker')}; data in {chosen.data_dir}")
        announce("Ctrl-C drains the workers and stops")
        end = supervisor.ends.get()
        announce("draining ..." if isinstance(end, Interrupt) else "stopping ...")
    if isinstance(end, GaveUp):
        raise JobFailed(end.message)
    announce("stopped")


def api(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    parent: Parent = None,
) -> None:
    """Run the API and the web page alone."""
    from service.api.server import run_api

    chosen = settings(host=host, port=port, data_dir=data_dir, database_url=database_url)
    set_up_logging(chosen.log_level)
    follow(parent)
    with start_failures():
        run_api(chosen)


def worker(
    server: Server = None,
    name: Annotated[
        str | None, typer.Option(help="Name of this worker [host and process id].", show_default=False)
    ] = None,
    poll_seconds: Annotated[float, typer.Option(min=0.1, max=30, help="Longest wait for work in one request.")] = 5.0,
    data_dir: WorkerData = None,
    parent: Parent = None,
) -> None:
    """Train what a service has to train, until SIGTERM or Ctrl-C."""
    from service.worker.worker import CannotTrain, default_name, options_of, run_worker

    chosen = settings(server=server, data_dir=data_dir)
    set_up_logging(chosen.log_level)
    follow(parent)
    try:
        run_worker(chosen, options_of(chosen, name or default_name(), poll_seconds))
    except CannotTrain as error:
        raise JobFailed(str(error)) from None


def migrate(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Bring the database to this version's tables."""
    from service.api.server import prepare_data_dir
    from service.store.migrate import upgrade

    chosen = settings(data_dir=data_dir, database_url=database_url)
    with start_failures():
        if chosen.database_url is None:
            prepare_data_dir(chosen)
        revision = upgrade(chosen.url)
    emit({"revision": revision}) if json else print(f"the database is at migration {revision}")


def announce(text: str) -> None:
    """One line on what the service does, for whoever watches."""
    print(text, file=sys.stderr, flush=True)


def set_up_logging(level: str) -> None:
    """Log lines on standard error."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "alembic"):  # a line for each request, three for each look at the database
        logging.getLogger(chatty).setLevel(logging.WARNING)


def follow(parent: int | None) -> None:
    """End, in order, when the supervisor is killed."""
    if parent is not None:
        from service.trainer.parent_watch import die_with_parent

        die_with_parent(signal.SIGTERM, parent)


@contextmanager
def start_failures() -> Iterator[None]:
    """What the user has to put right before the service can start is bad usage."""
    from service.api.server import DataDirNotWritable, PortInUse
    from service.errors import KeysRequired
    from service.operations.supervisor import DataDirInUse, StartFailed

    try:
        yield
    except (KeysRequired, PortInUse, DataDirNotWritable, DataDirInUse) as error:
        raise UsageFailure(str(error)) from None
    except StartFailed as error:
        raise JobFailed(str(error)) from None


@contextmanager
def interrupted_by(first: Callable[[], None], second: Callable[[], None]) -> Iterator[None]:
    """Call `first` at the first SIGINT or SIGTERM; at the second call `second` and end with 130."""
    calls = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            first()
        else:
            second()
            os._exit(INTERRUPTED)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
