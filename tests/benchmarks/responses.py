"""What a client waits for: each resource of a search that has ended, with 1,200 and with 20,000 trials.

In process, on SQLite, without a network. `first`: the service has just started and the operating system has the file
at hand. Otherwise the median of the rounds. Sizes are of the body as it travels.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.context import build_context
from tests.benchmarks.ended_search import ended_search
from tests.benchmarks.figures import Figure, Plan

COUNTS = (1200, 20_000)
MOST_MS = 50.0
LISTED = 50  # searches of the list
PATHS = {
    "search": "/v1/searches/{id}",
    "trials, a page of 100": "/v1/searches/{id}/trials",
    "leaderboard, 20 rows": "/v1/searches/{id}/leaderboard",
    "leaderboard, 20 rows on the front": "/v1/searches/{id}/leaderboard?pareto=true",
    "export json": "/v1/searches/{id}/export?format=json",
    "export yaml": "/v1/searches/{id}/export?format=yaml",
    "plot family": "/v1/searches/{id}/plots/family",
    "page of the search": "/searches/{id}",
}


def figures(plan: Plan) -> Iterator[Figure]:
    """Each resource after each number of trials."""
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            context, search_id = ended_search(Path(folder) / "data", count)
            context.engine.dispose()
            yield from _resources(Path(folder) / "data", search_id, count, plan.rounds)


def _resources(folder: Path, search_id: str, count: int, rounds: int) -> Iterator[Figure]:
    from service.settings import Settings

    for name, path in PATHS.items():
        context = build_context(Settings(data_dir=folder))
        with TestClient(create_app(context), base_url="http://127.0.0.1") as client:
            client.get("/healthz")
            taken = [_taken(client, path.format(id=search_id)) for _ in range(rounds + 1)]
        (first, size), warm = taken[0], [seconds for seconds, _ in taken[1:]]
        label = f"{name}, {count:,} trials"
        note = f"{label}: {size / 1000:.1f} kB, first {first * 1e3:.0f} ms"
        yield Figure(label, "ms", [value * 1e3 for value in warm], most=MOST_MS, note=note)


def _taken(client: TestClient, path: str) -> tuple[float, int]:
    """(seconds, bytes as they travelled) of one answer."""
    began = time.perf_counter()
    with client.stream("GET", path) as answer:
        size = sum(len(chunk) for chunk in answer.iter_raw())
        answer.close()
    seconds = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return seconds, size
