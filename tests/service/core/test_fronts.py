"""Several objectives, from the spec to the front: in SQL as in Python, in the search, the export and the plots."""

import json
import math
import random

import pytest
from fastapi.testclient import TestClient

from search.exports.verify import from_export
from search.results.front import front_of
from search.results.objectives import Point, front, vector
from service.api.app import create_app
from service.api.context import ServiceContext
from service.store import trials as rows
from service.store.tables import TrialRow
from tests.search.records import spec
from tests.service.fleet import Fleet
from tests.service.store.test_leaderboard import fill, pages

ALL = ["accuracy", "macs", "params", "activations", "latency_ms", "peak_memory_bytes"]


@pytest.fixture
def client(context: ServiceContext) -> TestClient:
    """The context over HTTP, on loopback."""
    return TestClient(create_app(context), base_url="http://127.0.0.1")


def point(row: TrialRow, objectives: list[str]) -> Point:
    """A trial as `search.results.objectives.vector` has it."""
    found = vector(spec(objectives=objectives, measure_latency="all"), rows.record(row, ()), row.accuracy or 0.0)
    assert len(found) == len(objectives)
    return found


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_the_front_in_sql_is_the_front_in_python(client: TestClient, fleet: Fleet, count: int) -> None:
    for seed in range(2):
        objectives = ALL[:1] + random.Random(seed).sample(ALL[1:], count - 1)
        search = fleet.submit(objectives=objectives, measure_latency="all")
        fill(fleet.context, search, random.Random(count + seed))
        done = [row for row in fleet.trials(search) if row.state == "completed" and row.accuracy is not None]
        compared = objectives if count > 1 else ["accuracy", "macs"]
        expected = [done[at].number for at in front([point(row, compared) for row in done])]
        path = f"/v1/searches/{search}"
        shown = pages(client, f"{path}/leaderboard", 2, pareto="true", sort="number")
        assert [item["number"] for item in shown] == expected
        told = client.get(path).json()["front"]
        assert (told and told["trials"]) == (expected if count > 1 else None)


def test_a_search_with_several_objectives(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(
        objectives=["accuracy", "params"], trials=6, finalists={"count": 2, "seeds": 2}, reference={"accuracy": 0.5}
    )
    path = f"/v1/searches/{search}"
    assert client.get(path).json()["front"]["trials"] == []
    leases = [fleet.must_lease(f"w{number}") for number in range(6)]
    by_params = sorted(fleet.trials(search), key=lambda row: row.params)
    # the dearer the better, with one bulge at the third and one network that is beaten
    accuracies = dict(zip((row.number for row in by_params), (0.60, 0.61, 0.85, 0.70, 0.86, 0.90), strict=True))
    for lease in leases:
        fleet.finish(lease, accuracies[lease.number])
    cheapest, beaten, best = by_params[0].number, by_params[3].number, by_params[-1].number
    finals = set()
    while lease := fleet.lease():
        fleet.finish(lease, accuracies[lease.number])
        finals.add(lease.number)
    assert finals == {cheapest, best}  # the ends of the front
    found = client.get(path).json()
    rows_now = fleet.trials(search)
    points = {row.number: (row.accuracy or 0.0, -float(row.params)) for row in rows_now}
    expected = front_of(spec(**fleet.search(search).spec), fleet.search(search).plan["cost"], points)
    assert found["front"] == {"objectives": ["accuracy", "params"], **expected.document()}
    assert found["front"]["reference"] == {"accuracy": 0.5, "params": found["plan"]["cost"]["params"][1]}
    assert 0 < found["front"]["hypervolume"] < 1
    assert found["statement"].endswith(expected.sentence(["accuracy", "params"]))
    assert found["best"]["number"] == best
    assert set(found["front"]["trials"]) == set(accuracies) - {beaten}
    assert found["front"]["knee"] == by_params[2].number
    figure = client.get(f"{path}/plots/pareto").json()
    rings = next(trace for trace in figure["data"] if trace["name"] == "front of all objectives")
    assert rings["text"].count("knee") == 1
    assert sorted(rings["x"]) == sorted(row.params for row in rows_now if row.number in expected.trials)
    text = client.get(f"{path}/export").text
    assert [trial["number"] for trial in from_export(text)["front"]["trials"]] == list(expected.trials)
    assert json.loads(text)["front"]["knee"] == expected.knee


def test_what_was_not_measured_is_on_no_front_by_its_speed(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(objectives=["accuracy", "latency_ms"], measure_latency="all", trials=3)
    for accuracy, latency in ((0.9, 4.0), (0.8, None), (0.7, 2.0)):
        fleet.finish(fleet.must_lease(), accuracy, latency_ms=latency)
    front = client.get(f"/v1/searches/{search}").json()["front"]
    assert front["trials"] == [0, 2]
    assert front["reference"] == {"accuracy": 0.0, "latency_ms": 4.0}
    assert math.isclose(front["hypervolume"], 0.7 * 0.5)
