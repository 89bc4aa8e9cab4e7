"""Registered weights over REST, and in the searches that start from them."""

from pathlib import Path

from fastapi.testclient import TestClient

from service.api.context import ServiceContext
from service.api.responses.resources import WeightsListOut, WeightsOut
from service.library.weights import weights_of
from tests.service.library.test_weights import file_of, start

ASK = {"worker": "w", "process": "p", "devices": [], "versions": {}}


def test_weights_are_listed_over_rest(client: TestClient, context: ServiceContext, tmp_path: Path) -> None:
    assert client.get("/v1/weights").json() == {"items": [], "next_cursor": None}
    info = weights_of(context.settings.data_dir).add("parent", file_of(tmp_path / "some.safetensors"))
    listed = client.get("/v1/weights").json()
    WeightsListOut.model_validate(listed)
    assert listed["items"] == [info.document()]
    WeightsOut.model_validate(client.get("/v1/weights/parent").json())
    assert client.get("/v1/weights/nothing").status_code == 404


def test_a_search_keeps_to_the_bytes_it_was_submitted_with(
    client: TestClient, context: ServiceContext, tmp_path: Path
) -> None:
    weights = weights_of(context.settings.data_dir)
    info = weights.add("parent", file_of(tmp_path / "some.safetensors"))
    headers = {"Idempotency-Key": "k"}
    search = client.post("/v1/searches", json=start(grow=True), headers=headers).json()
    assert search["spec"]["start"] == {"weights": "parent", "layout": "effscale", "grow": True, "sha256": info.sha256}
    assert [warning["code"] for warning in search["plan"]["warnings"]].count("inherited-weights") == 1
    weights.remove("parent")
    again = client.post("/v1/searches", json=start(grow=True), headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, search["id"])
    assert client.post("/v1/leases", json=ASK).json()["job"]["start"] == search["spec"]["start"]
    refused = client.post("/v1/searches", json=start())
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/start/weights")
    assert client.post("/v1/plans", json=start()).status_code == 422
