"""`effscale demo`: the whole service on one real search, from an empty directory to exported coefficients."""

import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.commands.serve import announce, interrupted_by, start_failures
from service.cli.commands.trials import show_leaderboard
from service.cli.commands.watching import LiveView, PlainView, View, follow
from service.cli.inputs.options import DataDir, settings
from service.cli.presentation.controls import show_controls
from service.cli.presentation.failure import INTERRUPTED, JobFailed
from service.cli.presentation.output import duration
from service.cli.presentation.screen import prose
from service.cli.presentation.table import pairs
from service.operations.demo_spec import demo_spec, saturated_spec

if TYPE_CHECKING:
    from service.client.client import Client
    from service.operations.supervisor import Supervisor

EXPORTS = ("json", "yaml", "csv")
UNFINISHED = ("queued", "running", "paused", "finalizing")

Document = dict[str, Any]


class Interrupted(Exception):
    """Ctrl-C."""


def demo(
    data_dir: DataDir = None,
    trials: Annotated[int, typer.Option(min=1, max=1000, help="Networks to train.")] = 12,
    saturated: Annotated[
        bool,
        typer.Option(
            "--saturated", help="Ask it of a network that has learned the images already: the answer is not to scale."
        ),
    ] = False,
) -> None:
    """Search how to scale a small EfficientNet on real images: service, worker, leaderboard and exports in one."""
    from service.operations.supervisor import Supervisor

    began = time.monotonic()
    asked = (saturated_spec if saturated else demo_spec)(trials)
    chosen = settings(data_dir=data_dir, host="127.0.0.1", port=free_port())
    logs = chosen.data_dir / "logs"
    supervisor = Supervisor(chosen, workers=1, logs=logs)
    breaker = Breaker()
    try:
        with start_failures(), interrupted_by(breaker.trip, supervisor.kill), supervisor:
            announce(f"effscale serves {supervisor.url}; logs in {logs}")
            with breaker.armed(), _connected(supervisor) as client:
                _run(client, supervisor, asked, chosen.data_dir, Clock(began, time.monotonic() - began))
            announce("draining ...")
    except Interrupted:
        announce("stopped; 'effscale demo' goes on where it was")
        raise typer.Exit(INTERRUPTED) from None


class Breaker:
    """Turns a signal into `Interrupted`, but only while armed: starting and draining are not torn apart."""

    def __init__(self) -> None:
        self._armed = False
        self._tripped = False

    def trip(self) -> None:
        """The signal has come."""
        self._tripped = True
        if self._armed:
            self._armed = False
            raise Interrupted

    @contextmanager
    def armed(self) -> Iterator[None]:
        """What may be interrupted anywhere. A signal that came before interrupts at once."""
        self._armed = True
        try:
            if self._tripped:
                raise Interrupted
            yield
        finally:
            self._armed = False


class Clock:
    """When the demo began (monotonic seconds), and how long it took until the service answered."""

    def __init__(self, began: float, ready: float) -> None:
        self.began = began
        self.ready = ready


def _run(client: "Client", supervisor: "Supervisor", asked: Document, data_dir: Path, clock: Clock) -> None:
    search = unfinished(client.searches(name=asked["name"]))
    if search is None:
        search = client.submit(asked, secrets.token_hex(16))
        announce(f"submitted search {search['id']}: {search['trials']['planned']} networks on the digits images")
    else:
        announce(f"goes on with the unfinished search {search['id']}")
        if search["state"] == "paused":
            client.resume(search["id"])
    view: View = LiveView() if sys.stdout.isatty() else PlainView()
    search = follow(client, search["id"], _Watched(view, supervisor))
    details = [client.trial(search["id"], trial["number"]) for trial in client.trials(search["id"])]
    show_leaderboard(client.leaderboard(search["id"])["items"], more=f"{search['name']}.csv has them")
    show_controls(search["controls"])
    print()
    prose(search["statement"], sys.stdout)
    for path in write_exports(client, search, data_dir / "exports"):
        print(f"wrote {path}")
    pairs(time_spent(details, clock.ready, time.monotonic() - clock.began))


class _Watched:
    """A view that also notices when the service has to give up."""

    def __init__(self, view: View, supervisor: "Supervisor") -> None:
        self._view = view
        self._supervisor = supervisor
        self.open = view.open
        self.counters = view.counters

    def event(self, event: Document) -> None:
        """Pass it on, unless a part of the service is gone for good."""
        self._view.event(event)
        check(self._supervisor)


def check(supervisor: "Supervisor") -> None:
    """`JobFailed` when a part of the service could not be kept running."""
    from service.operations.supervisor import GaveUp

    if not supervisor.ends.empty() and isinstance(end := supervisor.ends.get(), GaveUp):
        raise JobFailed(end.message)


def unfinished(searches: Sequence[Document]) -> Document | None:
    """The newest search that has not ended."""
    return next((search for search in searches if search["state"] in UNFINISHED), None)


def write_exports(client: "Client", search: Document, folder: Path) -> Iterator[Path]:
    """Write every export of a search; the files, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    for form in EXPORTS:
        path = folder / f"{search['name']}.{form}"
        path.write_bytes(client.export(search["id"], form))
        yield path


def time_spent(details: Sequence[Document], ready: float, total: float) -> list[tuple[str, object]]:
    """Where the time went, in rows for a person. What an earlier run of the demo spent on the search counts, too."""
    runs = [run for trial in details for run in trial["runs"]]
    compiling = sum(run["compile_seconds"] for run in runs)
    training = sum(run["device_seconds"] for run in runs)
    rest = total - ready - compiling - training
    return [
        ("start", duration(ready)),
        ("compiling", duration(compiling)),
        ("training", duration(training)),
        ("overhead", duration(rest) if rest >= 0 else "- (a part was spent in an earlier run)"),
        ("in all", duration(total)),
    ]


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _connected(supervisor: "Supervisor") -> "Iterator[Client]":
    from service.client.client import Client
    from service.client.connection import Connection

    with Client(Connection(supervisor.url)) as client:
        yield client
