"""`python -m models.data.decoder`: a process that decodes images and writes their pixels. `pool` starts it.

It reads one line of JSON with the order, then requests: a line of JSON with the jobs, and behind it the bytes of those
that bring some. It answers each with one record a job. Whatever kills it costs one image, and it ends with its parent.
"""

import json
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from models.data.decode import Decoded, Order, decode_bytes, decode_file, decode_pixels


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    warnings.simplefilter("ignore")  # of odd EXIF data and the like
    Image.MAX_IMAGE_PIXELS = None  # `huge` is a problem with a policy of its own
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    first = json.loads(requests.readline())
    order = Order(first["px"], first["fit"], frozenset(first["kept"]))
    target = os.open(first["target"], os.O_WRONLY)
    while line := requests.readline():
        for job in json.loads(line):
            decoded = _decode(job, requests, order)
            if decoded.pixels is not None:
                _write(target, decoded.pixels, job["slot"] * len(decoded.pixels))
            answers.write(decoded.record)
        answers.flush()


def _decode(job: dict[str, Any], requests: BinaryIO, order: Order) -> Decoded:
    number = job["number"]
    if "path" in job:
        return decode_file(number, Path(job["path"]), order)
    data = requests.read(job["length"])
    if "shape" in job:
        return decode_pixels(number, data, tuple(job["shape"]), order)
    return decode_bytes(number, "", data, order)  # what has no file has no suffix either


def _write(target: int, pixels: bytes, offset: int) -> None:
    written = 0
    while written < len(pixels):
        written += os.pwrite(target, pixels[written:], offset + written)


if __name__ == "__main__":
    main()
