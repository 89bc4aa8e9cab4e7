"""What can go wrong between a client and the service.

    ClientError                    anything below
    ├── Unreachable                nobody answers at that address
    ├── NotAService                somebody answers, but it is no effscale server
    ├── WrongKey                   no API key, or one that is not valid (401)
    ├── NotAllowed                 the key may not do that (403)
    ├── Unavailable                try again later (429, 502, 503, 504)
    ├── ServerFault                the server failed (any other 5xx)
    └── Refused                    the server understood and said no (other 4xx)
        ├── Unknown                there is no such thing (404)
        ├── Conflict               the present state does not allow it (409)
        │   └── LeaseLost          the lease has ended or another attempt holds it
        └── Invalid                the request makes no sense (400, 413, 422)

`exit_status` is what a command ends with: 2 for what the caller has to change, 1 for everything else.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ClientError(Exception):
    """The request to the service failed."""

    exit_status = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.problem: Mapping[str, Any] | None = None  # the server's problem document, RFC 9457


class Unreachable(ClientError):
    """No effscale server can be reached."""


class NotAService(ClientError):
    """That address is not an effscale server."""

    exit_status = 2


class WrongKey(ClientError):
    """The server wants a valid API key."""

    exit_status = 2


class NotAllowed(ClientError):
    """The API key may not do that."""

    exit_status = 2


class Unavailable(ClientError):
    """The server cannot answer now."""

    def __init__(self, message: str | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerFault(ClientError):
    """The server failed."""


class Refused(ClientError):
    """The server refused. `code` is its machine word, `errors` are (JSON pointer, message)."""

    def __init__(self, message: str | None = None, code: str = "", errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.errors = tuple(errors)


class Unknown(Refused):
    """There is no such thing on the server."""

    exit_status = 2


class Conflict(Refused):
    """The present state does not allow that."""


class LeaseLost(Conflict):
    """The lease has ended or another attempt holds it."""


class Invalid(Refused):
    """The request makes no sense."""

    exit_status = 2
