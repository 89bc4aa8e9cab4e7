"""What can go wrong while serving, and the one table from error to HTTP status.

ServiceError                   anything below
├── NotFound                   unknown, or not yours
├── Conflict                   the state does not allow it
│   └── LeaseLost              somebody else holds the lease, or nobody
├── BadCursor                  a cursor this server did not make
├── BadQuery                   a query parameter that makes no sense
├── IdempotencyMismatch        the key was used with another body
├── Unauthorized               no key, or one that is wrong, revoked or expired
├── Forbidden                  the key lacks a scope
├── TooLarge                   a body over the limit
├── BadContent                 bytes that differ from their own checksum
├── Unstorable                 text or a number that the database does not take
├── InvalidFile                a file of weights that cannot be registered
├── KeysRequired               a public address without any API key
├── DatabaseUnavailable        the database does not answer
└── SchemaMismatch             the database is at another migration than this code
"""

from models.errors import (
    CorruptCheckpoint,
    InvalidBaseline,
    InvalidDataset,
    InvalidScaling,
    ModelError,
    UnknownBaseline,
    UnknownDataset,
)
from search.errors import InvalidSpec, NothingFinished, SearchError, UnknownFormat


class ServiceError(Exception):
    """The service cannot do that."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class NotFound(ServiceError):
    """There is no such thing, or it is not yours."""


class Conflict(ServiceError):
    """The present state does not allow that."""


class LeaseLost(Conflict):
    """The lease has ended or another attempt holds it; nothing was changed. Stop writing and ask for a new lease."""


class BadCursor(ServiceError):
    """The cursor was not made by this server for this list; start again without one."""


class BadQuery(ServiceError):
    """A query parameter makes no sense."""


class IdempotencyMismatch(ServiceError):
    """This Idempotency-Key was used before with another body; use a new key for a new search."""


class Unauthorized(ServiceError):
    """A valid API key is needed: send it as 'Authorization: Bearer effs_…'."""


class Forbidden(ServiceError):
    """The API key lacks the scope that this needs."""


class TooLarge(ServiceError):
    """The request body is larger than this server takes."""


class BadContent(ServiceError):
    """The bytes received differ from their checksum; send them again."""


class Unstorable(ServiceError):
    """The database does not take a text or a number of this request; nothing was changed."""


class InvalidFile(ServiceError):
    """The file cannot be registered."""


class KeysRequired(ServiceError):
    """An address that others can reach needs an API key: create one with 'effscale keys create'."""


class DatabaseUnavailable(ServiceError):
    """The database does not answer; nothing was changed. Try again."""


class SchemaMismatch(ServiceError):
    """The database is at another migration than this version of effscale; run 'effscale migrate'."""


# error -> (HTTP status, machine word, title). The first class that fits decides, so subclasses stand first.
STATUS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (LeaseLost, 409, "lease-lost", "Lease lost"),
    (Conflict, 409, "conflict", "Conflict"),
    (NotFound, 404, "not-found", "Not found"),
    (BadCursor, 400, "bad-cursor", "Bad cursor"),
    (BadQuery, 422, "bad-query", "Bad query parameter"),
    (IdempotencyMismatch, 422, "idempotency-mismatch", "Idempotency key reused"),
    (Unauthorized, 401, "unauthorized", "Unauthorized"),
    (Forbidden, 403, "forbidden", "Forbidden"),
    (TooLarge, 413, "too-large", "Body too large"),
    (BadContent, 422, "bad-content", "Checksum mismatch"),
    (Unstorable, 422, "unstorable", "Cannot be stored"),
    (InvalidFile, 422, "invalid-file", "Invalid file"),
    (DatabaseUnavailable, 503, "database-unavailable", "Database unavailable"),
    (SchemaMismatch, 503, "schema-mismatch", "Schema mismatch"),
    (ServiceError, 400, "bad-request", "Bad request"),
    (NothingFinished, 409, "nothing-finished", "Nothing finished"),
    (UnknownFormat, 422, "unknown-format", "Unknown format"),
    (InvalidSpec, 422, "invalid-spec", "Invalid search"),
    (UnknownBaseline, 404, "unknown-baseline", "Unknown baseline"),
    (UnknownDataset, 404, "unknown-dataset", "Unknown data set"),
    (InvalidDataset, 422, "invalid-dataset", "Invalid data set"),
    (InvalidScaling, 422, "invalid-scaling", "Invalid scaling"),
    (InvalidBaseline, 422, "invalid-baseline", "Invalid baseline"),
    (CorruptCheckpoint, 422, "corrupt-checkpoint", "Corrupt checkpoint"),
    (SearchError, 422, "invalid-search", "Invalid search"),
    (ModelError, 422, "invalid-model", "Invalid model"),
)
