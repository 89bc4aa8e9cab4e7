"""What workers measured, from the results of runs to trials, lists and tables."""

import csv
import io

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from tests.service.fleet import Fleet

NAMES = ("latency_ms", "images_per_second", "peak_memory_bytes")


def test_what_was_measured_is_shown_sorted_by_and_selected_by(fleet: Fleet) -> None:
    search = fleet.submit(trials=2, finalists={"count": 1, "seeds": 2})
    fleet.finish(fleet.must_lease(), 0.9, images_per_second=100.0, peak_memory_bytes=2**40)
    fleet.finish(fleet.must_lease(), 0.8, images_per_second=300.0, peak_memory_bytes=2**30)
    first = fleet.must_lease()
    with TestClient(create_app(fleet.context), base_url="http://127.0.0.1") as client:

        def numbers(**query: str) -> list[int]:
            answer = client.get(f"/v1/searches/{search}/leaderboard", params=query)
            assert answer.status_code == 200, answer.text
            return [item["number"] for item in answer.json()["items"]]

        assert numbers(sort="-images_per_second") == [1, 0]
        assert numbers(sort="peak_memory_bytes") == [1, 0]
        assert numbers(where="peak_memory_bytes > 2e9") == [0]
        assert numbers(where="latency_ms > 0") == []
        fleet.finish(first, 0.9, latency_ms=2.5, images_per_second=90.0, peak_memory_bytes=2**40 + 1)
        fleet.finish(fleet.must_lease(), 0.9, latency_ms=3.5)
        assert numbers(sort="latency_ms", where="latency_ms < 4") == [0]
        trial = client.get(f"/v1/searches/{search}/trials/0").json()
        table = client.get(f"/v1/searches/{search}/export?format=csv").text
    assert [trial["cost"][name] for name in NAMES] == [3.5, None, None]
    assert [[run[name] for name in NAMES] for run in trial["runs"]] == [
        [None, 100.0, 2**40],
        [2.5, 90.0, 2**40 + 1],
        [3.5, None, None],
    ]
    rows = {row["number"]: [row[name] for name in NAMES] for row in csv.DictReader(io.StringIO(table))}
    assert rows == {"0": ["3.5", "", ""], "1": ["", "300.0", str(2**30)]}


@pytest.mark.parametrize(("chosen", "asked"), [(None, [False, True]), ("all", [True, True]), ("none", [False, False])])
def test_a_job_says_whether_its_run_measures_latency(fleet: Fleet, chosen: str | None, asked: list[bool]) -> None:
    given = {} if chosen is None else {"measure_latency": chosen}
    fleet.submit(trials=1, finalists={"count": 1, "seeds": 2}, **given)
    with TestClient(create_app(fleet.context), base_url="http://127.0.0.1") as client:
        said = {}
        for _ in range(3):
            lease = fleet.must_lease()
            job = client.post("/v1/leases", json={"worker": "w", "process": "p1"}).json()
            said[job["role"]] = job["job"]["measure_latency"]
            fleet.finish(lease)
    assert [said[role] for role in ("search", "final")] == asked
