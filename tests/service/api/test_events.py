"""Server-Sent Events from a real server: every event once, in order, also across a broken connection."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from service.api.app import create_app
from service.api.context import ServiceContext
from service.api.routes import events as routes
from service.api.server import _Server
from tests.service.api.problem import assert_problem
from tests.service.fleet import Fleet

TIMEOUT = httpx.Timeout(20.0)
Document = dict[str, Any]


@pytest.fixture
def server(context: ServiceContext) -> Iterator[uvicorn.Server]:
    """The context behind a real socket, in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(create_app(context), log_level="error"), context)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()  # the socket listens already: what comes early waits in its backlog
    server.config.port = listening.getsockname()[1]
    yield server
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def http(server: uvicorn.Server) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=f"http://127.0.0.1:{server.config.port}", timeout=TIMEOUT) as client:
        yield client


class Stream:
    """Frames of an open event stream, one at a time."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        self.lines = response.iter_lines()

    def frame(self) -> Document | None:
        """The next event, checked in its form; None when the server has closed the stream."""
        fields: dict[str, str] = {}
        for line in self.lines:
            if line:
                name, _, value = line.partition(": ")
                assert name not in fields
                fields[name] = value
            elif fields.keys() == {"id", "event", "data"}:
                event: Document = json.loads(fields["data"])
                assert (str(event["id"]), event["type"]) == (fields["id"], fields["event"])
                assert set(event) == {"id", "type", "at", "data"}
                return event
            else:
                pytest.fail(f"nothing came for {routes.HEARTBEAT_SECONDS:g} s but a sign of life: {fields}")
        return None

    def rest(self) -> list[Document]:
        """All that comes until the server closes the stream."""
        return list(iter(self.frame, None))


def as_json(http: httpx.Client, search: str, after: int = 0) -> list[Document]:
    """The same events, as a list."""
    answer = http.get(f"/v1/searches/{search}/events", params={"after": after})
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    items: list[Document] = document["items"]
    assert document["next"] == (items[-1]["id"] if items else after)
    return items


def test_a_stream_follows_a_search_to_its_end(http: httpx.Client, fleet: Fleet) -> None:
    search = fleet.submit(trials=1)
    other = fleet.submit(trials=1, priority=-1)
    with http.stream("GET", f"/v1/searches/{search}/events") as response:
        stream = Stream(response)
        first = stream.frame()
        assert first is not None
        assert first["type"] == "search.queued"
        seen = [first]
        lease = fleet.must_lease()  # each step only after its frames have come: nothing waits for a clock
        seen += [stream.frame() or {} for _ in range(2)]
        assert {event["type"] for event in seen[1:]} == {"search.running", "trial.started"}
        fleet.report(lease, 1, 0.5)
        epoch = stream.frame()
        assert epoch is not None
        assert epoch["type"] == "trial.epoch"
        assert epoch["data"] == {
            "number": 0,
            "seed": 0,
            "role": "search",
            "epoch": 1,
            "validation_accuracy": 0.5,
            "train_accuracy": 0.9,
        }
        fleet.finish(lease)
        seen += [epoch, *stream.rest()]  # it closes itself
    assert seen[-1]["type"] == "search.succeeded"
    assert seen == as_json(http, search)
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})
    assert [event["type"] for event in as_json(http, other)] == ["search.queued"]


def test_a_broken_stream_is_resumed_without_a_gap_or_a_repetition(http: httpx.Client, fleet: Fleet) -> None:
    search = fleet.submit(trials=2)
    fleet.run_dry()
    everything = as_json(http, search)
    path = f"/v1/searches/{search}/events"
    for cut in range(len(everything)):
        last = everything[cut]["id"]
        with http.stream("GET", path, headers={"Last-Event-ID": str(last)}) as response:
            assert Stream(response).rest() == everything[cut + 1 :]
        assert as_json(http, search, last) == everything[cut + 1 :]
    with http.stream("GET", path) as response:
        stream = Stream(response)
        assert [stream.frame() for _ in range(3)] == everything[:3]  # and hangs up


def test_a_stream_resumed_behind_the_end_is_closed_at_once(http: httpx.Client, fleet: Fleet) -> None:
    search = fleet.submit(trials=1)
    fleet.change(search, "cancel")
    last = as_json(http, search)[-1]["id"]
    for behind in (last, last + 1000, 2**63 - 1):
        with http.stream("GET", f"/v1/searches/{search}/events", headers={"Last-Event-ID": str(behind)}) as response:
            assert Stream(response).rest() == []


def test_more_events_than_a_batch_come_in_order(
    http: httpx.Client, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "BATCH", 3)
    search = fleet.submit(trials=4)
    fleet.run_dry()
    with http.stream("GET", f"/v1/searches/{search}/events") as response:
        seen = Stream(response).rest()
    assert [event["id"] for event in seen] == [event.id for event in fleet.events(search)]
    pages: list[Document] = []
    while page := as_json(http, search, pages[-1]["id"] if pages else 0):
        assert len(page) <= 3
        pages += page
    assert pages == seen


def test_a_quiet_stream_says_that_it_lives(http: httpx.Client, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(routes, "LOOK_SECONDS", 0.05)
    search = fleet.submit()
    with http.stream("GET", f"/v1/searches/{search}/events") as response:
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": still here"


def test_a_stream_of_a_search_that_is_deleted_ends(
    http: httpx.Client, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = fleet.submit()
    with http.stream("GET", f"/v1/searches/{search}/events") as response:
        stream = Stream(response)
        assert stream.frame() is not None
        fleet.remove(search)
        fleet.submit()  # something rings
        assert stream.rest() == []
    assert_problem(http.get(f"/v1/searches/{search}/events"), 404, "not-found")


def test_a_shutdown_does_not_wait_for_open_streams(http: httpx.Client, fleet: Fleet, server: uvicorn.Server) -> None:
    search = fleet.submit()
    with http.stream("GET", f"/v1/searches/{search}/events") as response:
        stream = Stream(response)
        assert stream.frame() is not None
        server.handle_exit(signal.SIGTERM, None)
        assert stream.rest() == []  # ended in order, with the last chunk
