"""The API as a process: what it refuses to start on, and what it loads to answer."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from service.settings import Settings
from service.store.migrate import upgrade
from service.store.revision import VERSION_TABLE

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"jax", "jaxlib", "flax", "optax", "sklearn", "torch"}
MEMORY_MIB = 150  # what the API may take

# Runs the API in the main thread, as it must for signals, while another thread asks and then ends it.
PROGRAM = """
import json, os, pathlib, queue, signal, sys, threading, time, urllib.request
began = time.monotonic()
from service.api import server
from service.settings import Settings

ports = queue.Queue()
bind = server.bind

def noted(settings):
    listener = bind(settings)
    ports.put(listener.getsockname()[1])
    return listener

def ask():
    with urllib.request.urlopen(f"http://127.0.0.1:{ports.get(timeout=60)}/readyz", timeout=60) as answer:
        document = json.load(answer)
    seconds = time.monotonic() - began
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    status = pathlib.Path("/proc/self/status")  # rusage would count the process that started this one
    lines = status.read_text().splitlines() if status.exists() else []
    peak = max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), default=0.0)
    print(json.dumps({"ready": document, "seconds": seconds, "mib": peak, "loaded": loaded}), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

server.bind = noted
threading.Thread(target=ask, daemon=True).start()
server.run_api(Settings(port=0, data_dir=sys.argv[1]))
"""


def run(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    """A Python process in the repository."""
    start = ["-c", code] if code is not None else ["-m", "service.cli"]
    command = [sys.executable, *start, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_api_is_ready_without_anything_that_trains(tmp_path: Path) -> None:
    upgrade(Settings(data_dir=tmp_path).url)
    began = time.monotonic()
    done = run(str(tmp_path), code=PROGRAM)
    assert done.returncode in (0, -15), done.stderr  # uvicorn raises the signal again once it has ended in order
    found = json.loads(done.stdout)
    assert found["ready"] == {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "disk": "ok"}}
    assert not HEAVY & set(found["loaded"])
    assert found["mib"] < MEMORY_MIB
    print(f"ready after {found['seconds']:.2f} s, {found['mib']:.0f} MiB, ended after {time.monotonic() - began:.2f} s")


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """A data directory with a database."""
    upgrade(Settings(data_dir=tmp_path).url)
    return tmp_path


def refused(*arguments: str) -> str:
    """What `effscale api` says when it does not start."""
    done = run("api", *arguments)
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return " ".join(done.stderr.split())


def test_a_port_in_use_is_named(migrated: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused("--data-dir", str(migrated), "--port", str(port))
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = refused("--data-dir", str(tmp_path / "file" / "data"))
    assert "cannot be written" in said
    assert "--data-dir" in said


def test_a_database_without_tables_says_what_to_do(tmp_path: Path) -> None:
    assert "run 'effscale migrate'" in refused("--data-dir", str(tmp_path))


def test_a_newer_database_is_refused(migrated: Path) -> None:
    engine = create_engine(Settings(data_dir=migrated).url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    assert "upgrade effscale" in refused("--data-dir", str(migrated))


def test_a_public_address_without_keys_is_refused(migrated: Path) -> None:
    assert "effscale keys create" in refused("--data-dir", str(migrated), "--host", "0.0.0.0")


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    said = refused("--data-dir", str(tmp_path), "--database-url", url)
    assert "the database does not answer" in said
