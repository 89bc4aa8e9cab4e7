"""Following a search through its events: a live picture on a screen, lines in a pipe, JSON lines for programs."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from service.cli.commands.trials import show_leaderboard
from service.cli.inputs.options import Identity, Json, Server, connect
from service.cli.presentation.conclusion import conclusion_rows
from service.cli.presentation.controls import show_controls
from service.cli.presentation.failure import Interrupted, JobFailed
from service.cli.presentation.output import duration, percent
from service.cli.presentation.screen import console, next_commands, prose

if TYPE_CHECKING:
    from rich.console import RenderableType

    from service.client.client import Client

REFRESH_SECONDS = 0.5  # between two looks at the counters, however many events there are
BEST_ROWS = 5  # of the leaderboard under a result
SHOWN_RUNS = 16  # running trainings that the live picture has room for

Document = dict[str, Any]


class View(Protocol):
    """What shows a search to somebody."""

    def open(self) -> AbstractContextManager[None]:
        """For as long as the search is followed."""
        ...

    def event(self, event: Document) -> None:
        """Something happened."""
        ...

    def counters(self, search: Document) -> None:
        """The search as a whole, now and then and at the end."""
        ...


def watch(identity: Identity, server: Server = None, json: Json = False) -> None:
    """Follow a search live to its end and show its result; status 1 if the search fails or is cancelled."""
    with connect(server) as client:
        watch_to_the_end(client, identity, server, json=json)


def watch_to_the_end(client: "Client", identity: str, server: str | None, *, json: bool) -> None:
    """Follow a search, then say what it found. `Interrupted` by Ctrl-C, which does not end the search."""
    chosen = f" --server {server}" if server else ""
    try:
        search = follow(client, identity, view_for(json))
        if not json:
            show_result(client, search, chosen)
    except KeyboardInterrupt:
        raise Interrupted(
            f"the search goes on. Watch it again: effscale watch {identity}{chosen}\n"
            f"End it: effscale cancel {identity}{chosen}"
        ) from None


def show_result(client: "Client", search: Document, chosen: str) -> None:
    """What a search that succeeded has found, its best trials, and what to type next, with these options."""
    items = client.leaderboard(search["id"], limit=BEST_ROWS)["items"]
    print()
    for name, text in conclusion_rows(search):
        prose(f"{name}: {text}", sys.stdout)
    print()
    show_leaderboard(items, search["spec"]["objectives"], more="the next command shows them")
    show_controls(search["controls"])
    next_commands(
        f"effscale leaderboard {search['id']}{chosen} --wide",
        f"effscale export {search['id']}{chosen} --output scaling.json",
    )


def view_for(json: bool) -> View:
    """The view that fits where standard output goes."""
    if json:
        return JsonView()
    return LiveView() if sys.stdout.isatty() else PlainView()


def follow(client: "Client", identity: str, view: View) -> Document:
    """Show a search until it has ended; the search as it is then. `JobFailed` unless it succeeded."""
    import time

    search = client.search(identity)
    with view.open():
        view.counters(search)
        looked = time.monotonic()
        for event in client.events(identity):
            view.event(event)
            if time.monotonic() - looked > REFRESH_SECONDS:
                view.counters(client.search(identity))
                looked = time.monotonic()
        search = client.search(identity)
        view.counters(search)
    if search["state"] != "succeeded":
        why = ": ".join(text for text in (search["reason"], search["message"]) if text)
        raise JobFailed(f"search {identity} {ended(search['state'])}{f' ({why})' if why else ''}")
    return search


class JsonView:
    """One event a line."""

    def open(self) -> AbstractContextManager[None]:
        """Nothing to prepare."""
        return _nothing()

    def event(self, event: Document) -> None:
        """The event as it came."""
        print(json.dumps(event, allow_nan=False), flush=True)

    def counters(self, search: Document) -> None:
        """Programs ask for them."""


class PlainView:
    """A line for what matters; epochs are left out."""

    def open(self) -> AbstractContextManager[None]:
        """Nothing to prepare."""
        return _nothing()

    def event(self, event: Document) -> None:
        """The event in words."""
        if (text := event_text(event)) is not None:
            print(f"{event['at']} {text}", flush=True)

    def counters(self, search: Document) -> None:
        """Lines tell the story; totals are for `show`."""


@dataclass
class LiveView:
    """A progress bar, the trainings that run, and the best so far, drawn over itself."""

    search: Document | None = None
    running: dict[tuple[int, int, str], Document] = field(default_factory=dict)
    last: str = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Draw from now on."""
        from rich.live import Live

        live = Live(get_renderable=self.picture, console=console(), refresh_per_second=4)
        try:
            with _uninterrupted():
                live.start(refresh=True)
            yield
        finally:
            with _uninterrupted():
                live.stop()

    def event(self, event: Document) -> None:
        """Keep what the picture shows."""
        data, kind = event["data"], event["type"]
        if kind == "trial.epoch":
            self.running[_run(data)] = data
        elif kind in ("trial.finished", "trial.paused", "run.requeued"):
            self.running.pop(_run(data), None)
        self.last = event_text(event) or self.last

    def counters(self, search: Document) -> None:
        """Keep the totals."""
        self.search = search

    def picture(self) -> "RenderableType":
        """The present state."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if self.search is None:
            return Text("waiting for the service")
        search, runs = self.search, self.search["runs"]
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(search["name"] or search["id"], style="bold"),
            search["state"],
            ProgressBar(total=max(1, runs["planned"]), completed=runs["finished"], width=30),
            f"{runs['finished']}/{runs['planned']} runs",
            f"left {duration(search['estimated_seconds_left'])}",
        )
        best = search["best"]
        rows = Table.grid(padding=(0, 2))
        for (number, seed, role), epoch in list(self.running.items())[-SHOWN_RUNS:]:
            rows.add_row(
                f"trial {number}",
                f"{role} seed {seed}",
                f"epoch {epoch['epoch']}",
                percent(epoch["validation_accuracy"]),
            )
        summary = "" if best is None else f"best: trial {best['number']} with {percent(best['accuracy'])}"
        return Group(head, rows, Text(summary, style="green"), Text(self.last, style="dim"))


def event_text(event: Document) -> str | None:
    """An event in words; None for those that come by the hundred."""
    data, kind = event["data"], event["type"]
    match kind:
        case "trial.epoch":
            return None
        case "trial.started":
            return f"trial {data['number']} has started"
        case "trial.finished":
            origin = f" from {data['cached_from']}" if data.get("cached_from") else ""
            return (
                f"trial {data['number']} ({data['role']}, seed {data['seed']}): "
                f"{data['state']}{origin}, accuracy {percent(data['accuracy'])}"
            )
        case "trial.paused":
            return f"trial {data['number']} is set aside: {data['message']}"
        case "trial.resumed":
            return f"trial {data['number']} may go on"
        case "run.requeued":
            return f"trial {data['number']} (seed {data['seed']}) is queued again: {data['reason']}"
        case "finals.round":
            names = {name: ", ".join(map(str, data[name])) for name in ("inside", "left")}
            dropped = f"significantly worse and dropped: {names['left'] or 'none yet'}"
            return f"the finals at {data['seeds']} seeds each: {dropped}; trained on: {names['inside'] or 'none'}"
        case _:
            return f"the search {ended(kind.removeprefix('search.'))}"


def ended(state: str) -> str:
    """A state as a verb.

    >>> ended("succeeded"), ended("cancelled"), ended("running")
    ('succeeded', 'was cancelled', 'is running')
    """
    return {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}.get(state, f"is {state}")


def _run(data: Document) -> tuple[int, int, str]:
    return data["number"], data["seed"], data.get("role", "search")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C has to wait: rich, torn apart while it takes the screen or gives it back, leaves it without a cursor."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
