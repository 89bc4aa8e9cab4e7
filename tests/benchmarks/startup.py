"""How soon a command answers, and how soon and how small the API is."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

from tests.benchmarks.figures import ROUNDS, Figure, Plan, interleaved

COMMAND = [sys.executable, "-m", "service.cli"]
POLL_SECONDS = 0.005
DEADLINE_SECONDS = 60.0


def figures(plan: Plan) -> Iterator[Figure]:
    """The commands, then the API."""
    yield _command("effscale --help", ["--help"], most=0.5)
    point = ["--alpha", "1.2", "--beta", "1.1", "--gamma", "1.15", "--phi", "1"]
    yield _command("effscale scale", ["scale", "efficientnet-b0", *point], goal="no JAX")
    yield from _api()


def _command(name: str, arguments: list[str], **goal: Any) -> Figure:
    def ours() -> object:
        return subprocess.run([*COMMAND, *arguments], stdout=subprocess.DEVNULL, check=True)

    def bare() -> object:
        return subprocess.run([sys.executable, "-c", "pass"], check=True)

    mine, theirs = interleaved(ours, bare)
    return Figure(name, "s", mine, "an interpreter that does nothing", theirs, **goal)


def _api() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "EFFSCALE_DATA_DIR": folder, "EFFSCALE_LOG_LEVEL": "warning"}
        subprocess.run([*COMMAND, "migrate"], env=environment, stdout=subprocess.DEVNULL, check=True)
        starts = [_start(environment) for _ in range(ROUNDS)]
    yield Figure("effscale api, until /readyz answers 200", "s", [start[0] for start in starts], most=2)
    yield Figure("effscale api, resident memory then", "MB", [start[1] / 1e6 for start in starts], most=150)


def _start(environment: dict[str, str]) -> tuple[float, int]:
    """(seconds to ready, resident bytes) of one API process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    process = subprocess.Popen([*COMMAND, "api", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - begun > DEADLINE_SECONDS:
                raise RuntimeError(f"the API did not become ready (exit status {process.returncode})")
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - begun, _resident_bytes(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def _resident_bytes(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError("this system does not tell the memory of a process under /proc")
    return int(found[1]) * 1024
