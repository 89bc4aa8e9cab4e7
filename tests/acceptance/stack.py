"""Real processes of effscale for the acceptance tests: an API and workers, started, killed and started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

Document = dict[str, Any]
ENDS = ("search.succeeded", "search.failed", "search.cancelled")
START_SECONDS = 60.0  # for a process to answer, on a busy machine
FAST = {  # times that a person would not choose: everything is noticed within seconds
    "EFFSCALE_LEASE_SECONDS": "4",
    "EFFSCALE_SWEEP_SECONDS": "0.2",
    "EFFSCALE_CHECKPOINT_SECONDS": "0",
}


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """The parts of one installation, each a process group of its own, so that a kill -9 leaves nothing behind."""

    def __init__(self, folder: Path, *, database_url: str | None = None, compile_cache: Path | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EFFSCALE_")},
            **FAST,
            "EFFSCALE_DATA_DIR": str(folder / "data"),
            "EFFSCALE_PORT": str(self.port),
            "EFFSCALE_SERVER": self.url,
        }
        if database_url is not None:
            self.environment["EFFSCALE_DATABASE_URL"] = database_url
        if compile_cache is not None:
            self.environment["EFFSCALE_COMPILE_CACHE_DIR"] = str(compile_cache)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.client = httpx.Client(base_url=self.url, timeout=30.0)

    def run(self, *arguments: str) -> str:
        """A command to its end; its standard output."""
        command = [sys.executable, "-m", "service.cli", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str, *arguments: str) -> None:
        """Start a part; its output goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "service.cli", *arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_api(self) -> None:
        """Start the API and wait until it is ready."""
        self.start("api", "api")
        self.wait(lambda: self.get("/readyz").get("status") == "ready", "the API is ready", START_SECONDS)

    def start_worker(self, name: str = "w") -> None:
        """Start a worker."""
        self.start(name, "worker", "--server", self.url, "--name", name)

    def kill(self, name: str) -> None:
        """kill -9, the way an out-of-memory killer does: no warning, no chance to tidy up."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def terminate(self, name: str, seconds: float = 40.0) -> int:
        """SIGTERM; the exit status."""
        process = self.running.pop(name)
        process.terminate()
        return process.wait(seconds)

    def stop(self) -> None:
        """End whatever still runs."""
        for name in list(self.running):
            self.kill(name)
        self.client.close()

    def get(self, path: str, **parameters: Any) -> Document:
        """A GET; an unreachable server gives an empty document."""
        try:
            answer = self.client.get(path, params=parameters)
        except httpx.TransportError:
            return {}
        document: Document = answer.json()
        return document

    def submit(self, spec: Document) -> str:
        """Submit a search; its id."""
        answer = self.client.post("/v1/searches", json=spec)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def events(self, search_id: str, seconds: float) -> Iterator[Document]:
        """The events of a search as they come, over restarts of the API, for at most so long."""
        last, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            page = self.get(f"/v1/searches/{search_id}/events", after=last)
            for event in page.get("items", []):
                last = event["id"]
                yield event
            time.sleep(0.05)  # a pause between looks, not a wait for luck: the deadline above decides

    def until(
        self, search_id: str, condition: Callable[[Document], bool], what: str, seconds: float = 240.0
    ) -> Document:
        """The first event that meets a condition."""
        for event in self.events(search_id, seconds):
            if condition(event):
                return event
            assert event["type"] not in ENDS, f"{what}: the search ended before\n{self.logs()}"
        raise AssertionError(f"{what}: not within {seconds:g} s\n{self.logs()}")

    def finished(self, search_id: str, seconds: float = 240.0) -> Document:
        """The search after its last event."""
        self.until(search_id, lambda event: event["type"] in ENDS, "the search ends", seconds)
        return self.get(f"/v1/searches/{search_id}")

    def details(self, search_id: str) -> list[Document]:
        """Every trial with its runs."""
        trials = self.get(f"/v1/searches/{search_id}/trials", limit=500)["items"]
        return [self.get(f"/v1/searches/{search_id}/trials/{trial['number']}") for trial in trials]

    def wait(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Until a condition holds."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"{what}: not within {seconds:g} s\n{self.logs()}"
            time.sleep(0.05)

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))


@contextmanager
def stack(folder: Path, **options: Any) -> Iterator[Stack]:
    """A stack with a migrated database and a running API; everything ends with the block."""
    built = Stack(folder, **options)
    try:
        built.run("migrate")
        built.start_api()
        yield built
    finally:
        built.stop()


def measured(trials: list[Document]) -> str:
    """What training found, without times and who did it: equal strings mean bit-identical results."""
    timeless = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    found = [
        {
            "number": trial["number"],
            "key": trial["architecture"]["key"],
            "state": trial["state"],
            "accuracy": trial["accuracy"],
            "test_accuracy": trial["test_accuracy"],
            "runs": [
                {
                    "seed": run["seed"],
                    "role": run["role"],
                    "state": run["state"],
                    "accuracy": run["accuracy"],
                    "history": [{name: epoch[name] for name in timeless} for epoch in run["history"]],
                }
                for run in trial["runs"]
            ],
        }
        for trial in trials
    ]
    return json.dumps(found, indent=1)
