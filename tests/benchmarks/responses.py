"""What a client waits for: each resource of an ended and of a running search, with 1,200 and with 20,000 trials.

In process, on SQLite, without a network. `first`: the service has just started and the operating system has the file
at hand. Otherwise the median of the rounds. Before each round of a running search an epoch of it is reported, so that
no answer is one that was given before. `304`: an unchanged poll with the ETag. Sizes are of the body as it travels.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.context import ServiceContext, build_context
from service.settings import Settings
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.filled_search import ended_search, running_search, started
from tests.service.fleet import Fleet

COUNTS = (1200, 20_000)
MOST_MS = 50.0
LISTED = 50  # searches of the list
SEARCH = {
    "search": "/v1/searches/{id}",
    "list of 50 searches": "/v1/searches",
    "trials, a page of 100": "/v1/searches/{id}/trials",
    "one trial": "/v1/searches/{id}/trials/7",
    "events as JSON, 500": "/v1/searches/{id}/events?after=0",
    "leaderboard, 20 rows": "/v1/searches/{id}/leaderboard",
    "leaderboard, 20 rows on the front": "/v1/searches/{id}/leaderboard?pareto=true",
    "leaderboard, 20 rows by MACs": "/v1/searches/{id}/leaderboard?sort=macs&where=accuracy > 0.5",
}
PLOTS = {
    f"plot {name}": f"/v1/searches/{{id}}/plots/{name}"
    for name in ("simplex", "pareto", "curves", "history", "parallel", "family")
}
RESULTS = {
    "export json": "/v1/searches/{id}/export?format=json",
    "export yaml": "/v1/searches/{id}/export?format=yaml",
    "export csv": "/v1/searches/{id}/export?format=csv",
    "page of the search": "/searches/{id}",
}
Between = Callable[[ServiceContext], None]


def figures(plan: Plan) -> Iterator[Figure]:
    """Each resource after each number of trials."""
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            context = started(Path(folder))
            ended, running = ended_search(context, count), running_search(context, count)
            for _ in range(LISTED - 2):
                Fleet(context).submit()
            search = Fleet(context).must_lease().search
            assert search == running, "the oldest search that runs is served first"
            context.engine.dispose()
            paths = {**SEARCH, **RESULTS, **PLOTS}
            yield from _resources(Path(folder), ended, f"{count:,} trials", paths, plan.rounds, lambda _: None)
            paths = {**SEARCH, **PLOTS}
            yield from _resources(Path(folder), running, f"running, {count:,} trials", paths, plan.rounds, _report)


def _report(context: ServiceContext) -> None:
    """An epoch of the run that is being trained; the epoch before is overwritten."""
    fleet = Fleet(context)
    fleet.report(fleet.must_lease(), 1, 0.5)


def _resources(
    folder: Path, search_id: str, what: str, paths: Mapping[str, str], rounds: int, between: Between
) -> Iterator[Figure]:
    for name, path in paths.items():
        context = build_context(Settings(data_dir=folder))
        with TestClient(create_app(context), base_url="http://127.0.0.1") as client:
            client.get("/healthz")
            taken, url = [], path.format(id=search_id)
            for _ in range(rounds + 1):
                between(context)
                taken.append(_taken(client, url))
            poll = _taken(client, url, taken[-1][2])[0]
        (first, size, tag), warm = taken[0], [seconds for seconds, *_ in taken[1:]]
        label = f"{name}, {what}"
        note = f"{label}: {size / 1000:.1f} kB, first {first * 1e3:.0f} ms" + (
            f", 304 {poll * 1e3:.1f} ms" if tag else ""
        )
        yield Figure(label, "ms", [value * 1e3 for value in warm], most=MOST_MS, note=note)


def _taken(client: TestClient, path: str, tag: str | None = None) -> tuple[float, int, str | None]:
    """(seconds, bytes as they travelled, ETag) of one answer; 304 is expected for a tag."""
    headers = {} if tag is None else {"If-None-Match": tag}
    began = time.perf_counter()
    with client.stream("GET", path, headers=headers) as answer:
        size = sum(len(chunk) for chunk in answer.iter_raw())
    seconds = time.perf_counter() - began
    if answer.status_code != (200 if tag is None else 304):
        raise RuntimeError(f"{path}: {answer.status_code}")
    return seconds, size, answer.headers.get("ETag")
