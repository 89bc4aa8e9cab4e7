"""Opaque cursors: where a page ended, bound to the list it came from, with a checksum against tampering."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from service.errors import BadCursor

CHECKSUM_BYTES = 6
LARGEST = 2**63  # integers below it fit the columns of both engines
Value = float | int | str


def encode(place: Sequence[Value], scope: str) -> str:
    """A cursor for the place where a page of the list `scope` ended."""
    payload = json.dumps(list(place), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_checksum(payload, scope) + payload).decode().rstrip("=")


def decode(cursor: str, scope: str, kinds: Sequence[type | tuple[type, ...]]) -> tuple[Value, ...]:
    """The place again; `BadCursor` unless this server made it for this very list."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        checksum, payload = raw[:CHECKSUM_BYTES], raw[CHECKSUM_BYTES:]
        if checksum != _checksum(payload, scope):
            raise BadCursor
        place = json.loads(payload)  # the checksum is no secret: whoever made this one may have written anything
    except (binascii.Error, ValueError, RecursionError):
        raise BadCursor from None
    if not isinstance(place, list) or len(place) != len(kinds):
        raise BadCursor
    if not all(_fits(value, kind) for value, kind in zip(place, kinds, strict=True)):
        raise BadCursor
    if encode(place, scope) != cursor:  # base64 passes over foreign characters and unused bits
        raise BadCursor
    return tuple(place)


def _fits(value: Any, kind: type | tuple[type, ...]) -> bool:
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return "\0" not in value and value.isprintable()
    return isinstance(value, int | float) and abs(value) < LARGEST  # false for NaN, too


def _checksum(payload: bytes, scope: str) -> bytes:
    return hashlib.sha256(scope.encode() + b"\0" + payload).digest()[:CHECKSUM_BYTES]
