"""What is known of one image once it was decoded, as 128 bytes: a journal of them can be cut anywhere.

128 divides a page, so that no record lies on two; a record whose checksum does not hold counts as not yet written.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.data.problems import KINDS, Kind

SIZE: Final = 128
DETAIL_BYTES: Final = 72
USABLE, UNUSABLE = 1, 2
# image number, kinds as bits, state, -, width, height, SHA-256 of size and RGB bytes, detail, -; then the checksum
_BODY = struct.Struct(f"<IHBxII32s{DETAIL_BYTES}s4x")
_CHECK = struct.Struct("<I")
DTYPE: Final = np.dtype(
    {
        "names": ["number", "kinds", "state", "width", "height", "content", "detail"],
        "formats": ["<u4", "<u2", "u1", "<u4", "<u4", "V32", f"S{DETAIL_BYTES}"],
        "offsets": [0, 4, 6, 8, 12, 16, 48],
        "itemsize": SIZE,
    }
)


def pack(
    number: int, kinds: Iterable[Kind], *, usable: bool, size: tuple[int, int], content: bytes, detail: str
) -> bytes:
    """One record. `detail` is cut to fit."""
    bits = sum(1 << KINDS.index(kind) for kind in set(kinds))
    text = detail.encode("ascii", "backslashreplace")[:DETAIL_BYTES]
    body = _BODY.pack(number, bits, USABLE if usable else UNUSABLE, *size, content, text)
    return body + _CHECK.pack(zlib.crc32(body))


def is_whole(record: bytes, number: int) -> bool:
    """Whether these 128 bytes were written whole, and for that image."""
    body, check = record[: _BODY.size], record[_BODY.size :]
    return len(record) == SIZE and _CHECK.unpack(check)[0] == zlib.crc32(body) and _BODY.unpack(body)[0] == number


def kinds_of(bits: int) -> list[Kind]:
    """The kinds of problems that the bits of a record stand for."""
    return [kind for i, kind in enumerate(KINDS) if bits >> i & 1]


def read(data: bytes | memoryview | np.memmap[tuple[int], np.dtype[np.uint8]]) -> NDArray[np.void]:
    """Records as an array with the fields of `DTYPE`."""
    return np.frombuffer(data, DTYPE)
