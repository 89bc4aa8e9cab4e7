"""The REST API as methods: what the client commands use."""

import json
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from service.client.backoff import Backoff
from service.client.connection import Connection, Document, checked, unreachable
from service.client.errors import NotAService, Unavailable, Unreachable

PAGE = 200  # items asked for at a time
TERMINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})  # of a search
EVENT_TIMEOUT = httpx.Timeout(45.0, connect=5.0)  # seconds; the server sends a heartbeat every 15
RECONNECTS = 12  # in a row without one event: about 40 s


class Client:
    """One service, seen from outside. Use it as a context manager; every method may raise a `ClientError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def server(self) -> str:
        """The address of the service."""
        return self._connection.server

    def ready(self) -> Document:
        """What /readyz says; `Unavailable` while the database is away."""
        return self._connection.document("GET", "/readyz")

    def submit(self, spec: Mapping[str, Any], idempotency_key: str) -> Document:
        """Submit a search; the key makes it safe to send again."""
        headers = {"Idempotency-Key": idempotency_key}
        return self._connection.document("POST", "/v1/searches", json=dict(spec), headers=headers, repeatable=True)

    def searches(self, **filters: str) -> list[Document]:
        """All searches that match `state`, `label` or `name`, in the server's order."""
        return list(self._items("/v1/searches", filters))

    def search(self, search_id: str) -> Document:
        """One search with its counters."""
        return self._connection.document("GET", _path(search_id))

    def trials(self, search_id: str) -> list[Document]:
        """All trials in number order."""
        return list(self._items(_path(search_id, "trials"), {}))

    def trial(self, search_id: str, number: int) -> Document:
        """One trial with its runs, attempts and epochs."""
        return self._connection.document("GET", _path(search_id, "trials", str(number)))

    def leaderboard(self, search_id: str, **query: str | int) -> Document:
        """Ranked trials: {"items": […], "next_cursor", "as_of"}; `query` holds limit, cursor, sort, where, pareto."""
        return self._connection.document("GET", _path(search_id, "leaderboard"), params=query)

    def pause(self, search_id: str) -> Document:
        """No new trials; running ones drain. Repeating it is harmless."""
        return self._connection.document("POST", _path(search_id, "pause"), repeatable=True)

    def resume(self, search_id: str) -> Document:
        """Go on after a pause. Repeating it is harmless."""
        return self._connection.document("POST", _path(search_id, "resume"), repeatable=True)

    def cancel(self, search_id: str) -> Document:
        """End it for good. Repeating it is harmless."""
        return self._connection.document("POST", _path(search_id, "cancel"), repeatable=True)

    def delete(self, search_id: str) -> None:
        """Remove a search that has ended."""
        self._connection.send("DELETE", _path(search_id))

    def export(self, search_id: str, form: str, choose: int | None = None) -> bytes:
        """The answer, or another trial that is chosen by its number, or all trials, in one of the export formats."""
        chosen: dict[str, int] = {} if choose is None else {"choose": choose}
        return self._connection.send("GET", _path(search_id, "export"), params={"format": form, **chosen}).content

    def events(self, search_id: str, after: int = 0) -> Iterator[Document]:
        """Events in order, live, until the search has ended. A connection that breaks is taken up where it broke."""
        backoff, failures, last = Backoff(), 0, after
        while True:
            try:
                for event in self._stream(search_id, last):
                    backoff.reset()
                    failures, last = 0, int(event["id"])
                    yield event
                    if str(event["type"]).removeprefix("search.") in TERMINAL_STATES:
                        return
                if self._has_ended(search_id, last):
                    return
            except (Unreachable, Unavailable):
                failures += 1
                if failures > RECONNECTS:
                    raise
            self._connection.pause(backoff.delay())

    def _has_ended(self, search_id: str, after: int) -> bool:
        """Whether a stream that closed by itself has no more to tell."""
        if self.search(search_id)["state"] not in TERMINAL_STATES:
            return False
        rest = self._connection.document("GET", _path(search_id, "events"), params={"after": after})
        return not rest["items"]

    def _stream(self, search_id: str, after: int) -> Iterator[Document]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        try:
            with self._connection.stream(_path(search_id, "events"), headers, EVENT_TIMEOUT) as response:
                if not response.is_success:
                    response.read()
                checked(response, self.server)
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise NotAService(f"{self.server} sends no event stream: check the address")
                for line in response.iter_lines():
                    if line.startswith("data:"):  # our frames carry the whole event in one data line
                        yield json.loads(line[5:])
        except httpx.TransportError as error:
            raise unreachable(self.server, error) from None

    def _items(self, path: str, filters: Mapping[str, str]) -> Iterator[Document]:
        query: dict[str, str | int] = {**filters, "limit": PAGE}
        while True:
            page = self._connection.document("GET", path, params=query)
            yield from page["items"]
            if page.get("next_cursor") is None:
                return
            query["cursor"] = page["next_cursor"]


def _path(search_id: str, *parts: str) -> str:
    """/v1/searches/<id>/…, with an id that cannot climb out of it."""
    return "/".join(["/v1/searches", quote(search_id, safe=""), *parts])
