"""What is refused before any route runs: bodies over the limit, foreign hosts, writes from other origins."""

import re

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import from_error
from service.errors import Forbidden, TooLarge
from service.settings import Settings

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@/?#\s]+))(?::\d*)?")  # RFC 9110, section 7.2
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_DIGITS = 19  # of a Content-Length: more bytes than 2**63 nobody sends


class RequestLimits:
    """ASGI middleware. On loopback it also checks the Host header, so that no web page can reach the service by DNS."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand the request on with its body bounded."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers)
        limit = self._limit(scope["path"])
        length = headers.get("content-length", "")
        if refusal is None and length.isdecimal() and int(length[:MAX_DIGITS]) > limit:
            refusal = TooLarge(f"the body has {length[:MAX_DIGITS]} bytes; at most {limit} are taken")
        if refusal is not None:
            await from_error(refusal)(scope, receive, send)
            return
        await self.app(scope, _bounded(receive, limit), send)

    def _limit(self, path: str) -> int:
        is_checkpoint = path.startswith("/v1/leases/") and "/checkpoints/" in path
        return self.settings.max_checkpoint_bytes if is_checkpoint else self.settings.max_body_bytes

    def _refusal(self, method: str, headers: Headers) -> Exception | None:
        host = _host(headers.get("host", ""))
        if self.settings.is_loopback and host not in LOOPBACK_HOSTS:
            return Forbidden(f"this service listens on loopback only and does not answer for the host {host!r}")
        origin = headers.get("origin")
        if origin and method not in SAFE_METHODS and origin.partition("://")[2] != headers.get("host"):
            return Forbidden("writes from pages of another origin are refused")
        return None


def _host(header: str) -> str:
    """The name in a Host header, in lower case and without its port; empty when it is not of that form."""
    match = HOST.fullmatch(header)
    return "" if match is None else (match["address"] or match["name"]).lower()


def _bounded(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            # FastAPI turns any other exception of a body into a 400
            raise HTTPException(413, f"the body has more than {limit} bytes")
        return message

    return bounded
