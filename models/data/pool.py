"""Decoding on all cores: one process each, fed from one stream, written down block by block."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from models.child_process import child_command
from models.data import image_record
from models.data.decode import NO_CONTENT, Order
from models.data.sources.item import Item

BATCH = 32  # images a request: enough to hide the round trip, few enough to be done again after a kill
PROGRAM = child_command("models.data.decoder")
Records = bytes
Write = Callable[[Sequence[Item], Records], None]


class _Died(Exception):
    """The decoder has ended: one of the images it was given killed it."""


class _Decoder:
    """One process; `ask` is a call."""

    def __init__(self, order: Order, target: Path) -> None:
        self._process = subprocess.Popen(
            PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        first = {"px": order.px, "fit": order.fit, "kept": sorted(order.kept), "target": str(target)}
        self._first = json.dumps(first).encode() + b"\n"

    def ask(self, items: Sequence[Item]) -> Records:
        """Their records; `_Died` when there are none."""
        source, answer = self._process.stdin, self._process.stdout
        assert source is not None  # noqa: S101 both are pipes
        assert answer is not None  # noqa: S101
        wanted = image_record.SIZE * len(items)
        try:
            source.write(self._first + json.dumps([_job(item) for item in items]).encode() + b"\n")
            self._first = b""
            for item in items:
                source.write(item.payload if isinstance(item.payload, bytes) else b"")
            source.flush()
            records = answer.read(wanted)
        except (BrokenPipeError, ValueError):
            raise _Died from None
        if len(records) < wanted:
            raise _Died
        return records

    def end(self) -> None:
        """Now, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _close(pipe)


class Pool:
    """As many decoders as there are cores, or fewer for a few images. Leaving it ends them."""

    def __init__(self, order: Order, target: Path, images: int) -> None:
        self._order, self._target = order, target
        self._workers = max(1, min(len(os.sched_getaffinity(0)), -(-images // BATCH)))
        self._decoders: set[_Decoder] = set()
        self._lock = threading.Lock()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._error = self._error or error
        with self._lock:
            for decoder in self._decoders:
                decoder.end()

    def run(self, items: Iterator[Item], write: Write) -> None:
        """Decode them all; `write` gets items and records, from one thread at a time, in no certain order."""
        threads = [threading.Thread(target=self._serve, args=(items, write), daemon=True) for _ in range(self._workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def _serve(self, items: Iterator[Item], write: Write) -> None:
        try:
            decoder = self._new()
            while batch := self._take(items):
                try:
                    records = decoder.ask(batch)
                except _Died:
                    decoder = self._new(instead=decoder)
                    records, decoder = self._one_by_one(decoder, batch)
                with self._lock:
                    write(batch, records)
        except BaseException as error:  # noqa: BLE001 it is raised again where `run` was called
            self._error = self._error or error

    def _take(self, items: Iterator[Item]) -> list[Item]:
        batch: list[Item] = []
        with self._lock:
            while self._error is None and len(batch) < BATCH and (item := next(items, None)) is not None:
                batch.append(item)
        return [] if self._error is not None else batch

    def _one_by_one(self, decoder: _Decoder, batch: Sequence[Item]) -> tuple[Records, _Decoder]:
        """Find the image that kills."""
        records = []
        for item in batch:
            try:
                records.append(decoder.ask([item]))
            except _Died:
                decoder = self._new(instead=decoder)
                records.append(_deadly(item))
        return b"".join(records), decoder

    def _new(self, instead: _Decoder | None = None) -> _Decoder:
        with self._lock:
            if instead is not None:
                instead.end()
                self._decoders.discard(instead)
            if self._error is not None:
                raise self._error
            decoder = _Decoder(self._order, self._target)
            self._decoders.add(decoder)
        return decoder


def _job(item: Item) -> dict[str, Any]:
    job: dict[str, Any] = {"number": item.number, "slot": item.slot}
    if isinstance(item.payload, Path):
        return {**job, "path": str(item.payload)}
    shape = {} if item.shape is None else {"shape": item.shape}
    return {**job, **shape, "length": len(item.payload)}


def _deadly(item: Item) -> Records:
    reason = "decoding it killed the process: out of memory, or a fault in the decoder"
    return image_record.pack(item.number, {"corrupt"}, usable=False, size=(0, 0), content=NO_CONTENT, detail=reason)


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was still buffered was for a process that is gone
