"""`effscale up`, `api` and `worker` as processes: what they refuse, and how they end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from service.operations.supervisor import answers
from tests.service.cli.conftest import SECONDS, Effscale, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts commands in the background; their trees are killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *arguments],
            env=environment(tmp_path, **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            for part in [*psutil.Process(process.pid).children(recursive=True), process]:
                part.kill()
        process.communicate(timeout=30)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that other processes do."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {SECONDS:g} s"
        time.sleep(0.05)  # between two looks; the deadline decides


def parts(process: subprocess.Popen[str], word: str) -> list[psutil.Process]:
    """The children that run a command with this word in it."""
    children = psutil.Process(process.pid).children()
    return [child for child in children if not ended(child) and word in child.cmdline()]


def ended(process: psutil.Process) -> bool:
    """Whether a process has ended, collected by its parent or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_taken_port_is_named_with_the_option_that_changes_it(effscale_process: Effscale, taken_port: int) -> None:
    for command in (("up", "--workers", "0"), ("api",)):
        effscale_process("migrate")
        done = effscale_process(*command, "--port", str(taken_port))
        assert done.status == 2
        assert str(taken_port) in done.err
        assert "--port" in done.err


def test_a_data_directory_that_cannot_be_written(effscale_process: Effscale, tmp_path: Path, free_port: int) -> None:
    (tmp_path / "file").touch()
    done = effscale_process("up", "--data-dir", str(tmp_path / "file" / "data"), "--port", str(free_port))
    assert done.status == 2
    assert "--data-dir" in done.err


def test_a_public_address_without_keys_is_refused(effscale_process: Effscale, free_port: int) -> None:
    done = effscale_process("up", "--host", "0.0.0.0", "--port", str(free_port))
    assert done.status == 2
    assert "effscale keys create" in done.err


def test_ctrl_c_stops_everything_and_ends_with_0(start: Start, free_port: int) -> None:
    up = start("up", "--port", str(free_port), "--workers", "1")
    until(lambda: answers("127.0.0.1", free_port), "the API answers")
    family = psutil.Process(up.pid).children(recursive=True)
    up.send_signal(signal.SIGINT)
    output, _ = up.communicate(timeout=SECONDS)
    assert up.returncode == 0, output
    assert f":{free_port}" in output
    assert all(ended(process) for process in family)


def test_a_killed_part_is_started_again_and_nothing_survives_the_supervisor(start: Start, free_port: int) -> None:
    up = start("up", "--port", str(free_port), "--workers", "1")
    until(lambda: answers("127.0.0.1", free_port), "the API answers")
    (worker,), (api,) = parts(up, "worker"), parts(up, "api")
    for part, word in ((worker, "worker"), (api, "api")):
        part.kill()
        until(
            lambda part=part, word=word: [found.pid for found in parts(up, word)] not in ([], [part.pid]),  # type: ignore[misc]
            f"another {word} is there",
        )
    until(lambda: answers("127.0.0.1", free_port), "the API answers again")
    family = psutil.Process(up.pid).children(recursive=True)
    assert family
    os.kill(up.pid, signal.SIGKILL)
    until(lambda: all(ended(process) for process in family), "the parts end with their supervisor")


def test_a_second_supervisor_on_the_same_data_is_refused(
    start: Start, effscale_process: Effscale, free_port: int
) -> None:
    up = start("up", "--port", str(free_port), "--workers", "0")
    until(lambda: answers("127.0.0.1", free_port), "the API answers")
    done = effscale_process("up", "--port", str(free_port + 1 if free_port < 65_535 else 1024), "--workers", "0")
    assert done.status == 2
    assert f"process {up.pid}" in done.err


def test_workers_of_a_public_service_get_a_key_that_ends_with_it(
    start: Start, effscale_process: Effscale, free_port: int
) -> None:
    effscale_process("keys", "create", "mine")
    up = start("up", "--host", "0.0.0.0", "--port", str(free_port), "--workers", "1")
    until(lambda: answers("127.0.0.1", free_port), "the API answers")
    keys = effscale_process("keys", "list", "--json").document["items"]
    assert [key["scopes"] for key in keys if key["name"] != "mine"] == [["worker"]]
    up.send_signal(signal.SIGTERM)
    output, _ = up.communicate(timeout=SECONDS)
    assert up.returncode == 0, output
    assert "valid API key" not in output
    keys = effscale_process("keys", "list", "--json").document["items"]
    assert [key["revoked_at"] is None for key in keys] == [key["name"] == "mine" for key in keys]


class Stranger(BaseHTTPRequestHandler):
    """A web server that is no effscale."""

    def do_POST(self) -> None:
        """A page."""
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<h1>nothing here</h1>")

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def test_a_worker_refuses_a_wrong_address(effscale_process: Effscale) -> None:
    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        done = effscale_process("worker", "--server", f"http://127.0.0.1:{stranger.server_port}")
        stranger.shutdown()
    assert done.status == 2
    assert "check the address" in done.err


def test_a_worker_refuses_to_go_on_with_a_wrong_key(start: Start, effscale_process: Effscale, free_port: int) -> None:
    start("up", "--port", str(free_port), "--workers", "0")
    until(lambda: answers("127.0.0.1", free_port), "the API answers")
    url = f"http://127.0.0.1:{free_port}"
    done = effscale_process("worker", "--server", url, EFFSCALE_API_KEY="effs_wrong")
    assert done.status == 2
    assert "API key" in done.err


def test_a_worker_waits_for_a_service_that_is_not_there_yet_and_ends_when_told(start: Start, free_port: int) -> None:
    worker = start("worker", "--server", f"http://127.0.0.1:{free_port}")
    assert worker.stdout is not None
    lines = []
    for line in worker.stdout:
        lines.append(line)
        if "trying again" in line:
            break
    worker.send_signal(signal.SIGTERM)
    rest, _ = worker.communicate(timeout=SECONDS)
    assert worker.returncode == 0
    assert "drained" in rest
    assert sum("trying again" in line for line in [*lines, *rest.splitlines()]) == 1
