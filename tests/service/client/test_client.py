"""The client against answers that servers, proxies and strangers give."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.client.backoff import FIRST_SECONDS, MOST_SECONDS, Backoff
from service.client.client import Client
from service.client.connection import TRIES, Connection
from service.client.errors import (
    ClientError,
    Conflict,
    Invalid,
    LeaseLost,
    NotAllowed,
    NotAService,
    ServerFault,
    Unavailable,
    Unknown,
    Unreachable,
    WrongKey,
)

Handler = Callable[[httpx.Request], httpx.Response]


def problem(status: int, code: str = "", headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    """A failure as the service tells it."""
    document = {"title": "no", "status": status, "detail": "why", "code": code, **fields}
    kind = {"content-type": "application/problem+json", **(headers or {})}
    return httpx.Response(status, content=json.dumps(document), headers=kind)


class Talk:
    """A client whose server is a function, and the pauses that it makes."""

    def __init__(self, handler: Handler, key: str | None = None) -> None:
        self.pauses: list[float] = []
        self.requests: list[httpx.Request] = []

        def noted(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return handler(request)

        transport = httpx.MockTransport(noted)
        self.client = Client(Connection("http://there:1/", key, sleep=self.pauses.append, transport=transport))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(401), WrongKey),
        (problem(403), NotAllowed),
        (problem(404), Unknown),
        (problem(409), Conflict),
        (problem(409, "lease-lost"), LeaseLost),
        (problem(422), Invalid),
        (problem(429), Unavailable),
        (problem(500), ServerFault),
        (problem(503), Unavailable),
        (httpx.Response(404, json={"detail": "Not Found"}), NotAService),
        (httpx.Response(404, html="<h1>nginx</h1>"), NotAService),
        (httpx.Response(301, headers={"location": "https://elsewhere"}), NotAService),
        (httpx.Response(401, text="Basic"), NotAService),
        (httpx.Response(502, html="<h1>Bad Gateway</h1>"), Unavailable),
        (httpx.Response(500, text="oops"), ServerFault),
        (httpx.Response(200, html="<h1>Welcome</h1>"), NotAService),
        (httpx.Response(200, json=["a list"]), NotAService),
        (problem(404, headers={"content-type": "application/problem+json; charset=utf-8"}), Unknown),
        (httpx.Response(404, text="{", headers={"content-type": "application/problem+json"}), NotAService),
    ],
)
def test_each_answer_has_its_error(answer: httpx.Response, kind: type[ClientError]) -> None:
    with pytest.raises(ClientError) as raised:
        Talk(lambda _: answer).client.search("s1")
    assert type(raised.value) is kind


def test_errors_of_a_body_keep_their_pointers() -> None:
    answer = problem(422, errors=[{"pointer": "/phi", "message": "must be positive"}])
    with pytest.raises(Invalid) as raised:
        Talk(lambda _: answer).client.submit({}, "k")
    assert raised.value.errors == (("/phi", "must be positive"),)


def test_the_key_is_sent_and_stays_out_of_messages() -> None:
    talk = Talk(lambda _: problem(401), key="effs_secret")
    with pytest.raises(WrongKey) as raised:
        talk.client.searches()
    assert talk.requests[0].headers["authorization"] == "Bearer effs_secret"
    assert "secret" not in str(raised.value)


def test_an_absent_server_is_tried_several_times_with_growing_pauses() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    talk = Talk(away)
    with pytest.raises(Unreachable, match="effscale up"):
        talk.client.search("s1")
    assert len(talk.requests) == TRIES
    assert len(talk.pauses) == TRIES - 1
    assert all(FIRST_SECONDS / 2 <= pause <= MOST_SECONDS for pause in talk.pauses)
    assert talk.pauses[-1] > talk.pauses[0]


def test_a_busy_server_is_asked_again_no_sooner_than_it_says() -> None:
    answers = [problem(503, headers={"retry-after": "7"}), httpx.Response(200, json={"id": "s1"})]
    talk = Talk(lambda _: answers.pop(0))
    assert talk.client.search("s1") == {"id": "s1"}
    assert talk.pauses == [7.0]


def test_a_submission_is_repeated_under_the_same_key() -> None:
    answers = [problem(503), httpx.Response(201, json={"id": "s1"})]
    talk = Talk(lambda _: answers.pop(0))
    talk.client.submit({"dataset": "digits"}, "key-1")
    assert [request.headers["idempotency-key"] for request in talk.requests] == ["key-1", "key-1"]


def test_lists_are_followed_to_their_last_page() -> None:
    pages = {None: {"items": [{"n": 1}], "next_cursor": "c"}, "c": {"items": [{"n": 2}], "next_cursor": None}}
    talk = Talk(lambda request: httpx.Response(200, json=pages[request.url.params.get("cursor")]))
    assert [trial["n"] for trial in talk.client.trials("s1")] == [1, 2]


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    talk = Talk(lambda _: httpx.Response(200, json={}))
    talk.client.search("a/../../healthz?x")
    assert talk.requests[0].url.raw_path == b"/v1/searches/a%2F..%2F..%2Fhealthz%3Fx"


@pytest.mark.parametrize("server", ["", "localhost", "ftp://x", "http://"])
def test_what_is_no_address_of_a_server(server: str) -> None:
    with pytest.raises(NotAService):
        Connection(server)


def frame(number: int, kind: str) -> str:
    """An event as the service streams it."""
    event = {"id": number, "type": kind, "at": "2026-01-01T00:00:00.000Z", "data": {}}
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(event)}\n\n"


def stream(*frames: str) -> httpx.Response:
    """An answer that is a stream of events."""
    return httpx.Response(200, text=": still here\n\n" + "".join(frames), headers={"content-type": "text/event-stream"})


def test_a_broken_stream_is_taken_up_where_it_broke() -> None:
    streams = [
        stream(frame(1, "search.queued"), frame(2, "trial.started")),
        problem(503),
        stream(frame(3, "trial.finished"), frame(4, "search.succeeded")),
    ]

    def server(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return streams.pop(0)
        return httpx.Response(200, json={"state": "running"})

    talk = Talk(server)
    assert [event["id"] for event in talk.client.events("s1")] == [1, 2, 3, 4]
    asked = [request.headers.get("last-event-id") for request in talk.requests if request.url.path.endswith("/events")]
    assert asked == ["0", "2", "2"]


def test_a_stream_that_has_nothing_more_to_tell_ends() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        if "after" in request.url.params:
            return httpx.Response(200, json={"items": [], "next": 9})
        if request.url.path.endswith("/events"):
            return stream()
        return httpx.Response(200, json={"state": "succeeded"})

    assert list(Talk(server).client.events("s1", after=9)) == []


def test_an_unknown_search_ends_the_stream_with_its_error() -> None:
    with pytest.raises(Unknown):
        list(Talk(lambda _: problem(404)).client.events("s1"))


def test_backoff_doubles_up_to_its_limit_and_starts_again() -> None:
    backoff = Backoff(first=1.0, most=5.0, chance=lambda: 1.0)
    assert [backoff.delay() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.delay() == 1.0
    assert backoff.delay(at_least=60.0) == 60.0
