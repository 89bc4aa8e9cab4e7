"""Real answers have exactly the shapes that the OpenAPI document promises."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from service.api.app import create_app
from service.api.context import build_context
from service.api.responses import plans, resources
from service.protocol import lease_responses
from service.settings import Settings
from service.store.migrate import upgrade

SPEC = {
    "dataset": "digits",
    "baseline": "efficientnet-nano",
    "trials": 3,
    "finalists": {"count": 2, "seeds": 2},
    "controls": False,
    "recipe": {"epochs": 2},
    "space": {"resolution_multiple": 4},
}
METRICS = {
    "train_loss": 0.1,
    "train_accuracy": 0.99,
    "validation_loss": 0.2,
    "validation_accuracy": 0.97,
    "seconds": 1.0,
    "images_per_second": 100.0,
}
RESULT = {
    "accuracy": 0.97,
    "best_accuracy": 0.98,
    "best_epoch": 1,
    "train_accuracy": 0.99,
    "validation_loss": 0.2,
    "epochs": 2,
    "device_seconds": 2.0,
    "dataset_hash": "0" * 64,
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service that has done one search."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("answers"))
    upgrade(settings.url)
    with TestClient(create_app(build_context(settings)), base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture(scope="module")
def search_id(client: TestClient) -> str:
    """A search that a worker played by this test has finished; every answer on the way is checked."""
    submitted = client.post("/v1/searches", json=SPEC).json()
    check(resources.SearchOut, submitted)
    while True:
        answer = client.post("/v1/leases", json={"worker": "w", "process": "p", "versions": {"jax": "0"}})
        if answer.status_code == 204:
            return str(submitted["id"])
        lease = answer.json()
        check(lease_responses.LeaseOut, lease)
        path, fence = f"/v1/leases/{lease['id']}", {"lease_epoch": lease["lease_epoch"]}
        for epoch in (1, 2):
            report = client.post(f"{path}/reports", json={**fence, "epoch": epoch, "metrics": METRICS})
            check(lease_responses.CommandOut, report.json())
        finish = client.post(f"{path}/finish", json={**fence, "outcome": "completed", "result": RESULT})
        check(lease_responses.RunStateOut, finish.json())


def check(shape: type[BaseModel], document: Any) -> None:
    """The document has the fields of the shape, of its types, and no others."""
    shape.model_validate(document, strict=True)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("", resources.SearchOut),
        ("/trials", resources.TrialsOut),
        ("/trials/0", resources.TrialDetailOut),
        ("/leaderboard", resources.LeaderboardOut),
        ("/leaderboard?pareto=true&where=accuracy%20%3E%200.5", resources.LeaderboardOut),
        ("/events?after=0", resources.EventsOut),
    ],
)
def test_answers_of_a_search_have_their_documented_shape(
    client: TestClient, search_id: str, path: str, shape: type[BaseModel]
) -> None:
    check(shape, client.get(f"/v1/searches/{search_id}{path}").json())


def test_a_plan_has_its_documented_shape(client: TestClient, search_id: str) -> None:
    row = {"alpha": 1.2, "beta": 1.1, "gamma": 1.25, "latency_ms": 2.0}
    limited = {**SPEC, "limits": [{"metric": "params", "at_most": 1e9}]}
    assert client.post("/v1/plans", json=limited).json()["limits"][0]["removes"] == 0
    half = client.post("/v1/plans", json={**SPEC, "space": {"gamma": [0.5, 1]}, "target": {"ratio": 0.5}}).json()
    assert half["catalogue"]["feasible"] > 1
    far = {**SPEC, "phi": 7, "target": {"ratio": 0.5}, "space": {}}  # bounds of 1 to 2 would reach too far
    assert client.post("/v1/plans", json=far).json()["catalogue"]["feasible"] > 1
    ceiling = {**SPEC, "target": {"at_most": 1e6}, "space": {}}
    assert client.post("/v1/plans", json=ceiling).json()["cost"]["macs"][1] <= 1e6
    timed = {**SPEC, "target": {"metric": "latency_ms", "baseline_ms": 1.0, "table": [row]}}
    for wanted in (SPEC, {**SPEC, "trials": 500}, {**SPEC, "baseline": "efficientnetv2-nano"}, timed, limited):
        check(plans.PlanOut, client.post("/v1/plans", json=wanted).json())
    check(plans.PlanOut, client.get(f"/v1/searches/{search_id}").json()["plan"])


def test_list_scale_and_problem_have_their_documented_shape(client: TestClient, search_id: str) -> None:
    check(resources.SearchesOut, client.get("/v1/searches").json())
    triple = {"baseline": "efficientnet-b0", "alpha": 1.2, "beta": 1.1, "gamma": 1.15, "phi": 1}
    check(resources.ScaleOut, client.get("/v1/scale", params=triple).json())
    down = client.get("/v1/scale", params={**triple, "phi": -1}).json()
    check(resources.ScaleOut, down)
    inverse = {**triple, "alpha": 1 / 1.2, "beta": 1 / 1.1, "gamma": 1 / 1.15}
    assert client.get("/v1/scale", params=inverse).json()["architecture"] == down["architecture"]
    for rule in ("published", "solved"):
        found = client.get("/v1/family", params={**triple, "phi": "-2..4", "as": rule}).json()
        check(resources.FamilyOut, found)
        assert [row["phi"] for row in found["family"]] == list(range(-2, 5))
        assert ("within" in found["family"][0]) == (rule == "solved")
    check(resources.ProblemOut, client.get("/v1/searches/none").json())
    check(resources.ProblemOut, client.post("/v1/searches", json={}).json())


def test_exports_agree_with_each_other_and_with_the_calculator(client: TestClient, search_id: str) -> None:
    config = client.get(f"/v1/searches/{search_id}/export?format=json").json()
    assert config["schema"] == "effscale/scaling-config/1"
    assert config["evidence"]["dataset_hash"] == "0" * 64
    for row in config["family"]:
        parameters = {name: row[name] for name in ("depth", "width", "resolution")}
        again = client.get("/v1/scale", params={"baseline": "efficientnet-nano", "classes": 10, **parameters}).json()
        assert again["architecture"]["depths"] == row["depths"]
        assert again["architecture"]["widths"] == row["widths"]
        assert again["cost"]["macs"] == row["macs"]
    table = client.get(f"/v1/searches/{search_id}/export?format=csv").text
    assert len(table.splitlines()) == 1 + SPEC["trials"]  # type: ignore[operator]
    assert "effscale/scaling-config/1" in client.get(f"/v1/searches/{search_id}/export?format=yaml").text
