"""Opaque cursors: where a page ended, bound to the list it came from, with a checksum against tampering."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from service.errors import BadCursor

CHECKSUM_BYTES = 6
Value = float | int | str


def encode(place: Sequence[Value], scope: str) -> str:
    """A cursor for the place where a page of the list `scope` ended."""
    payload = json.dumps(list(place), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_checksum(payload, scope) + payload).decode().rstrip("=")


def decode(cursor: str, scope: str, kinds: Sequence[type | tuple[type, ...]]) -> tuple[Value, ...]:
    """The place again; `BadCursor` unless this server made it for this very list."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raise BadCursor from None
    checksum, payload = raw[:CHECKSUM_BYTES], raw[CHECKSUM_BYTES:]
    if checksum != _checksum(payload, scope):
        raise BadCursor
    place = json.loads(payload)
    if len(place) != len(kinds) or not all(isinstance(v, kind) for v, kind in zip(place, kinds, strict=True)):
        raise BadCursor
    return tuple(place)


def _checksum(payload: bytes, scope: str) -> bytes:
    return hashlib.sha256(scope.encode() + b"\0" + payload).digest()[:CHECKSUM_BYTES]
