"""What compiling cost, from the results of runs to trials, tables and metrics."""

from fastapi.testclient import TestClient

from service.api.app import create_app
from tests.service.fleet import Fleet

NAMES = ("compile_seconds", "compiled_ahead_seconds", "programs_compiled", "programs_cached")


def test_what_compiling_cost_is_shown_for_trials_and_summed_in_metrics(fleet: Fleet) -> None:
    search = fleet.submit(trials=2, finalists={"count": 1, "seeds": 2})
    for cached in (0, 0, 1, 1):
        took = dict(zip(NAMES, (1.5, 0.25, 1 - cached, cached), strict=True))
        fleet.finish(fleet.must_lease(), **took)
    with TestClient(create_app(fleet.context), base_url="http://127.0.0.1") as client:
        trials = client.get(f"/v1/searches/{search}/trials").json()["items"]
        lines = client.get("/metrics").text.splitlines()
        table = client.get(f"/v1/searches/{search}/export?format=csv").text.splitlines()
    assert sorted([trial[name] for name in NAMES] for trial in trials) == [[1.5, 0.25, 1, 0], [4.5, 0.75, 1, 2]]
    assert set(NAMES) <= set(table[0].split(","))
    for name, total in zip(NAMES, (6.0, 1.0, 2, 2), strict=True):
        assert f"effscale_{name}_total {float(total)}" in lines
        assert f"# TYPE effscale_{name}_total counter" in lines
