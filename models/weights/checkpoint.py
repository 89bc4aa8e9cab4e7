"""Arrays and a JSON document as bytes that prove themselves: a safetensors file with the SHA-256 of itself inside.

The digest covers every byte of the file, with the digest's own 64 places set to zero. Nothing is unpickled.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from models.errors import CorruptCheckpoint

Arrays = dict[str, NDArray[Any]]
BLANK = b"0" * 64
DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')


def pack(arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any]) -> bytes:
    """One safetensors file; `document` (JSON, finite numbers) lies in its metadata."""
    metadata = {"document": json.dumps(document, allow_nan=False), "sha256": BLANK.decode()}
    blank = save({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata)
    start, end = _digest_place(blank)
    return blank[:start] + hashlib.sha256(blank).hexdigest().encode() + blank[end:]


def unpack(data: bytes) -> tuple[Arrays, dict[str, Any]]:
    """What `pack` was given. `CorruptCheckpoint` when any byte differs from what it wrote."""
    start, end = _digest_place(data)
    found, expected = hashlib.sha256(data[:start] + BLANK + data[end:]).hexdigest(), data[start:end].decode()
    if found != expected:
        raise CorruptCheckpoint(
            f"the checkpoint's {len(data):,} bytes have SHA-256 {found}, its manifest says {expected}"
        )
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return load(data), json.loads(header["__metadata__"]["document"])
    except (SafetensorError, ValueError, KeyError) as error:
        raise CorruptCheckpoint(f"the checkpoint is no safetensors file of ours: {error}") from error


def _digest_place(data: bytes) -> tuple[int, int]:
    """Where the digest stands: in the JSON header, whose length is the file's first 8 bytes (safetensors format)."""
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    if (match := DIGEST.search(header)) is None:
        raise CorruptCheckpoint(f"the checkpoint's {len(data):,} bytes hold no SHA-256 manifest in their header")
    return 8 + match.start(1), 8 + match.end(1)
