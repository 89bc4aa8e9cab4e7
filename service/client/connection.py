"""One HTTP connection pool to the service: sends a request, tries again where that is safe, names what went wrong."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from service.client.backoff import Backoff
from service.client.errors import (
    ClientError,
    Conflict,
    Invalid,
    LeaseLost,
    NotAllowed,
    NotAService,
    Refused,
    ServerFault,
    Unavailable,
    Unknown,
    Unreachable,
    WrongKey,
)

TIMEOUT = httpx.Timeout(10.0, connect=5.0)  # seconds; every route but the long poll answers far within
TRIES = 6  # with doubling delays from 0.1 s: about 5 s in all, a server's restart
SAFE_METHODS = frozenset({"GET", "PUT", "DELETE"})  # RFC 9110 section 9.2.2: may be repeated
BUSY = frozenset({429, 502, 503, 504})

Document = dict[str, Any]


class Connection:
    """Requests to one server. `api_key` is sent as a bearer token; it never appears in a message."""

    def __init__(
        self,
        server: str,
        api_key: str | None = None,
        *,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.server = server.rstrip("/")
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotAService(f"{server!r} is not the address of a server; it looks like http://127.0.0.1:8000")
        self._tries = tries
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=self.server, headers=headers, timeout=TIMEOUT, transport=transport)

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool | None = None,
        params: Mapping[str, str | int | float] | None = None,
        json: object = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        """The answer to one request, read to its end; any but a 2xx or 304 raises its `ClientError`.

        `repeatable` says whether a request that failed on the way, or met a busy server, may be sent again; unset, GET,
        PUT and DELETE may.
        """
        may_repeat = method in SAFE_METHODS if repeatable is None else repeatable
        backoff = Backoff()
        for left in reversed(range(self._tries if may_repeat else 1)):
            try:
                response = self._http.request(
                    method,
                    path,
                    params=params,
                    json=json,
                    content=content,
                    headers=headers,
                    timeout=TIMEOUT if timeout is None else timeout,
                )
                return checked(response, self.server)
            except httpx.TransportError as error:
                failure: ClientError = unreachable(self.server, error)
                wait = 0.0
            except Unavailable as error:
                failure, wait = error, error.retry_after
            if left == 0:
                raise failure
            self._sleep(backoff.delay(at_least=wait))
        raise AssertionError("at least one try")  # pragma: no cover

    def document(self, method: str, path: str, **options: Any) -> Document:
        """The JSON object that a request is answered with."""
        return parsed(self.send(method, path, **options), self.server)

    def pause(self, seconds: float) -> None:
        """Wait before another request."""
        self._sleep(seconds)

    def stream(self, path: str, headers: Mapping[str, str], timeout: httpx.Timeout) -> Any:
        """A context manager with the unread response to a GET; check it with `checked` after reading a failure."""
        return self._http.stream("GET", path, headers=headers, timeout=timeout)


def unreachable(server: str, error: httpx.TransportError) -> Unreachable:
    """What to tell when there was no answer at all."""
    detail = str(error) or type(error).__name__
    return Unreachable(
        f"no effscale server can be reached at {server} ({detail}). "
        "Start one with 'effscale up', or name another with --server or EFFSCALE_SERVER"
    )


def parsed(response: httpx.Response, server: str) -> Document:
    """The JSON object in a response; anything else is no effscale server."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise NotAService(
            f"{server} answered {response.request.url.path} with something else than a JSON object: "
            "it is not an effscale server; check the address"
        )
    return document


def checked(response: httpx.Response, server: str) -> httpx.Response:
    """The response itself when it is good news; otherwise the `ClientError` that says what it means."""
    status = response.status_code
    if response.is_success or status == httpx.codes.NOT_MODIFIED:
        return response
    problem = _problem(response)
    if problem is None:
        raise _no_problem_document(response, server)
    error = _refusal(problem, response, server)
    error.problem = problem
    raise error


def _refusal(problem: Document, response: httpx.Response, server: str) -> ClientError:
    """What a problem document means for who asked."""
    status = response.status_code
    text = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
    code = str(problem.get("code", ""))
    if status == 401:
        return WrongKey(
            f"{server} wants a valid API key: {text} Set EFFSCALE_API_KEY to a key from 'effscale keys create'"
        )
    if status == 403:
        return NotAllowed(f"the API key may not do that: {text}")
    if status in BUSY:
        return Unavailable(f"{server} cannot answer now: {text}", _retry_after(response))
    if status >= 500:
        return ServerFault(f"{server} failed (HTTP {status}): {text}")
    kind: type[Refused] = {404: Unknown, 409: LeaseLost if code == "lease-lost" else Conflict}.get(status, Invalid)
    return kind(text, code, _errors(problem))


def _problem(response: httpx.Response) -> Document | None:
    """The RFC 9457 document of a failure; None when there is none, as no effscale server would answer."""
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        problem = response.json()
    except ValueError:
        return None
    return problem if isinstance(problem, dict) else None


def _no_problem_document(response: httpx.Response, server: str) -> ClientError:
    status = response.status_code
    if status in BUSY:  # a proxy in front of a server that is away
        return Unavailable(f"{server} cannot answer now (HTTP {status})", _retry_after(response))
    if status >= 500:
        return ServerFault(f"{server} failed (HTTP {status})")
    return NotAService(
        f"{server} answered {response.request.url.path} with HTTP {status} in a form that no effscale server uses: "
        "check the address"
    )


def _errors(problem: Document) -> list[tuple[str, str]]:
    rows = problem.get("errors") or []
    return [(str(row.get("pointer", "")), str(row.get("message", ""))) for row in rows if isinstance(row, dict)]


def _retry_after(response: httpx.Response) -> float:
    """Seconds of a Retry-After header; 0 when there is none or it is a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdigit() else 0.0
