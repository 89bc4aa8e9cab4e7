"""Whatever a client sends that makes no sense is refused with a problem document that says where and why."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.service.api.problem import assert_problem
from tests.service.fleet import SPEC, Fleet

JSON = {"Content-Type": "application/json"}


def with_field(path: str, value: Any) -> dict[str, Any]:
    """`SPEC` with one field, of one of its objects perhaps, set."""
    document: dict[str, Any] = json.loads(json.dumps(SPEC))
    *parents, last = path.split("/")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("dataset", "imagenet", "there is no data set 'imagenet'; there are: digits"),
        ("dataset", "../../etc/passwd", "there is no data set"),
        ("dataset", 5, "valid string"),
        ("dataset", None, "valid string"),
        ("baseline", "efficientnet-b9", "there is no baseline 'efficientnet-b9'; there are: efficientnet-b0"),
        ("baseline", {}, ""),
        ("baseline", {"stages": []}, ""),
        ("baseline", ["efficientnet-nano"], ""),
        ("space/alpha", [0.0, 2.0], "coefficients are positive, at least 0.015625, got 0.0"),
        ("space/alpha", [2.0, 1.0], "must not exceed"),
        ("space/alpha", [1.0], "at least 2"),
        ("space/alpha", [1.0, 2.0, 3.0], "at most 2"),
        ("space/alpha", ["1", "2"], "valid number"),
        ("space/gamma", [1.0, 1e308], ""),
        ("space/unknown", 1, "Extra inputs are not permitted"),
        ("trials", "5", "valid integer"),
        ("trials", 5.0, "valid integer"),
        ("trials", True, "valid integer"),
        ("trials", 0, "greater than or equal to 1"),
        ("trials", 10**30, "less than or equal to"),
        ("seed", -1, ""),
        ("seed", 2**31, ""),
        ("phi", 0, "phi must not be 0"),
        ("phi", "1", "valid number"),
        ("parallelism", 0, ""),
        ("priority", 10**6, ""),
        ("objectives", [], ""),
        ("objectives", ["accuracy", "accuracy"], ""),
        ("objectives", ["speed"], "accuracy"),
        ("sampler/name", "annealing", "tpe"),
        ("pruner/reduction_factor", 1, ""),
        ("recipe/epochs", 0, ""),
        ("recipe/optimizer", "lion", ""),
        ("max_device_seconds", -1.0, ""),
        ("max_device_seconds", "unlimited", ""),
        ("labels", {"a": 1}, "valid string"),
        ("labels", {str(n): "x" for n in range(65)}, "at most 64"),
        ("name", "x" * 201, "at most 200"),
        ("unknown", 1, "Extra inputs are not permitted"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(client: TestClient, path: str, value: Any, said: str) -> None:
    for address in ("/v1/searches", "/v1/plans"):
        document = assert_problem(client.post(address, json=with_field(path, value)), 422, "invalid-body")
        pointers = [entry["pointer"] for entry in document["errors"]]
        assert any(pointer.startswith("/" + path) for pointer in pointers), pointers
        assert said in document["detail"]
    assert client.get("/v1/searches").json()["items"] == []


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("path", ["phi", "max_device_seconds", "target/ratio"])
def test_numbers_that_are_none_are_refused(client: TestClient, path: str, literal: str) -> None:
    body = json.dumps(with_field(path, "@")).replace('"@"', literal)
    assert_problem(client.post("/v1/searches", content=body, headers=JSON), 422, "invalid-body")


def test_numbers_that_are_none_are_refused_in_a_stage_table(client: TestClient) -> None:
    table = client.get("/v1/baselines/efficientnet-nano").json()
    del table["cost"]
    table["name"] = "mine"
    assert client.post("/v1/plans", json={**SPEC, "baseline": table}).status_code == 200
    for literal in ("NaN", "Infinity", "-1", "1e999", '"3"', "[]", "null", "1" + "0" * 400):
        body = json.dumps({**SPEC, "baseline": {**table, "resolution": "@"}}).replace('"@"', literal)
        assert_problem(client.post("/v1/searches", content=body, headers=JSON), 422, "invalid-body")


def test_more_finalists_than_trials_are_refused(client: TestClient) -> None:
    answer = client.post("/v1/searches", json={**SPEC, "trials": 2, "finalists": {"count": 3}})
    document = assert_problem(answer, 422, "invalid-body")
    assert "finalists.count (3) must not exceed trials (2)" in document["detail"]


def test_a_target_that_nothing_meets_names_the_nearest_and_the_bound(client: TestClient) -> None:
    for address in ("/v1/searches", "/v1/plans"):
        answer = client.post(address, json={**SPEC, "target": {"ratio": 50.0}})
        document = assert_problem(answer, 422, "invalid-spec")
        assert "the nearest costs" in document["detail"]
        assert "the upper bounds stop it: alpha 2, beta 1.5, gamma 1.5" in document["detail"]
        assert document["errors"][0]["pointer"] == "/space"
    assert client.get("/v1/searches").json()["items"] == []


def test_a_space_too_large_to_count_is_refused_at_once(client: TestClient) -> None:
    space = {"alpha": [1.0, 8.0], "beta": [1.0, 8.0], "gamma": [1.0, 8.0], "resolution_multiple": 1}
    answer = client.post("/v1/searches", json={**SPEC, "baseline": "efficientnet-b0", "space": space})
    assert "distinct networks" in assert_problem(answer, 422, "invalid-spec")["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"\xff\xfe", 400),
        (b"{'dataset': 1}", 400),
        (b'{"trials": 1' + b"0" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"dataset":' * 50_000, 400),
        (b'{"dataset": "digits", "baseline": ' + b'{"a":' * 500 + b"1" + b"}" * 501, 422),
        (b'{"dataset": "\\ud800", "baseline": "x"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b'{"dataset": "digits", "dataset": 5, "baseline": 1}', 422),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_a_body_that_is_no_search_is_refused(client: TestClient, body: bytes, status: int) -> None:
    assert_problem(client.post("/v1/searches", content=body, headers=JSON), status)
    assert_problem(client.post("/v1/leases", content=body, headers=JSON), status)


def test_another_kind_of_body_is_refused(client: TestClient) -> None:
    assert_problem(client.post("/v1/searches", data={"dataset": "digits"}), 422)
    assert_problem(client.post("/v1/searches", content=b"dataset: digits", headers={"Content-Type": "text/yaml"}), 422)


def test_a_body_over_the_limit_is_refused_by_its_length(client: TestClient) -> None:
    answer = client.post("/v1/searches", content=b"x" * 1_048_577, headers=JSON)
    assert "at most 1048576" in assert_problem(answer, 413, "too-large")["detail"]


def test_a_body_over_the_limit_is_refused_without_a_length(client: TestClient) -> None:
    answer = client.post("/v1/searches", content=iter([b" " * 65_536] * 17), headers=JSON)
    assert "transfer-encoding" in answer.request.headers
    assert_problem(answer, 413, "too-large")


@pytest.mark.parametrize("length", ["x", "-1", "1" * 5000, "1e3", ""])
def test_a_length_that_is_none_breaks_nothing(client: TestClient, length: str) -> None:
    answer = client.post("/v1/searches", content=b"{}", headers={**JSON, "Content-Length": length})
    assert_problem(answer, 413 if length.startswith("1" * 20) else 422)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/v1/searches/unknown", 404),
        ("/v1/searches/%00", 404),
        ("/v1/searches/..%2f..%2fetc", 404),
        ("/v1/searches/" + "x" * 5000, 404),
        ("/v1/searches/unknown/trials", 404),
        ("/v1/searches/unknown/leaderboard", 404),
        ("/v1/searches/unknown/events", 404),
        ("/v1/searches/unknown/events?after=0", 404),
        ("/v1/searches/unknown/export", 404),
        ("/v1/searches/unknown/plots/pareto", 404),
        ("/v1/baselines/unknown", 404),
        ("/v1/datasets/unknown", 404),
        ("/v1/datasets/..%2f..%2fetc%2fpasswd", 404),
        ("/v1/searches?limit=0", 422),
        ("/v1/searches?limit=x", 422),
        ("/v1/searches?limit=201", 422),
        ("/v1/searches?state=done", 422),
        ("/v1/searches?cursor=" + "x" * 501, 422),
        ("/v1/scale", 422),
        ("/v1/scale?baseline=efficientnet-b0", 422),
        ("/v1/scale?baseline=efficientnet-b0&alpha=1&beta=1&gamma=1", 422),
        ("/v1/scale?baseline=efficientnet-b0&alpha=1&beta=1&gamma=1&phi=1&depth=1", 422),
        ("/v1/scale?baseline=efficientnet-b0&alpha=0&beta=1&gamma=1&phi=1", 422),
        ("/v1/family?baseline=efficientnet-b0&alpha=1.2&beta=1.1&gamma=1.15&phi=4..2", 422),
        ("/v1/family?baseline=efficientnet-b0&alpha=1.2&beta=1.1&gamma=1.15&ratio=2", 422),
        ("/v1/family?baseline=efficientnet-b0&alpha=1.2&beta=1.1&gamma=1.15&as=solved&ratio=0", 422),
        ("/v1/family?baseline=efficientnet-b0&alpha=1e300&beta=1.1&gamma=1.15&as=solved", 422),
        ("/v1/family?baseline=nothing&alpha=1.2&beta=1.1&gamma=1.15", 404),
        ("/v1/scale?baseline=efficientnet-b0&alpha=nan&beta=1&gamma=1&phi=1", 422),
        ("/v1/scale?baseline=efficientnet-b0&alpha=2&beta=2&gamma=2&phi=1e308", 422),
        ("/v1/scale?baseline=efficientnet-b0&depth=1&width=1&resolution=1" + "0" * 4000, 422),
        ("/v1/scale?baseline=efficientnet-b0&depth=1&width=1&resolution=-1", 422),
        ("/v1/scale?baseline=efficientnet-b0&depth=1&width=inf&resolution=224", 422),
        ("/v1/scale?baseline=unknown&depth=1&width=1&resolution=224", 404),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(client: TestClient, path: str, status: int) -> None:
    assert_problem(client.get(path), status)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("trials/99", 404),
        ("trials/-1", 422),
        ("trials/x", 422),
        ("trials/" + "9" * 30, 422),
        ("trials?state=done", 422),
        ("leaderboard?sort=password", 422),
        ("leaderboard?sort=--macs", 422),
        ("leaderboard?limit=501", 422),
        ("leaderboard?where=accuracy", 422),
        ("leaderboard?where=accuracy%20%3E%200%3B%20DROP%20TABLE%20x", 422),
        ("leaderboard?where=id%20%3D%201", 422),
        ("leaderboard?pareto=perhaps", 422),
        ("events?after=-1", 422),
        ("events?after=" + "9" * 30, 422),
        ("plots/unknown", 422),
        ("export?format=pickle", 422),
        ("export", 409),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(client: TestClient, fleet: Fleet, path: str, status: int) -> None:
    search = fleet.submit()
    assert_problem(client.get(f"/v1/searches/{search}/{path}"), status)


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19 + "9", "9" * 30])
def test_a_last_event_id_that_is_none_is_refused(client: TestClient, fleet: Fleet, last: str) -> None:
    search = fleet.submit()
    assert_problem(client.get(f"/v1/searches/{search}/events", headers={"Last-Event-ID": last}), 422)


def test_a_wrong_method_is_a_405_that_names_the_right_one(client: TestClient) -> None:
    answer = client.put("/v1/plans", json={})
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_an_idempotency_key_of_no_use_is_refused(client: TestClient, key: str) -> None:
    assert_problem(client.post("/v1/searches", json=SPEC, headers={"Idempotency-Key": key}), 422)


def test_an_idempotency_key_with_another_body_is_refused(client: TestClient) -> None:
    once = {"Idempotency-Key": "k"}
    first = client.post("/v1/searches", json=SPEC, headers=once)
    assert first.status_code == 201
    assert first.headers["location"] == f"/v1/searches/{first.json()['id']}"
    again = client.post("/v1/searches", json={**SPEC, "seed": 0, "priority": 0}, headers=once)  # defaults written out
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert_problem(client.post("/v1/searches", json={**SPEC, "seed": 1}, headers=once), 422, "idempotency-mismatch")


def test_what_the_state_does_not_allow_is_a_409(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(trials=1)
    assert_problem(client.delete(f"/v1/searches/{search}"), 409, "conflict")
    fleet.run_dry()
    for what in ("cancel", "pause", "resume"):
        answer = client.post(f"/v1/searches/{search}/{what}")
        assert "succeeded" in assert_problem(answer, 409, "conflict")["detail"]
    assert client.delete(f"/v1/searches/{search}").status_code == 204
    assert_problem(client.get(f"/v1/searches/{search}"), 404, "not-found")
    assert_problem(client.delete(f"/v1/searches/{search}"), 404, "not-found")


def test_cancelling_twice_is_harmless(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit()
    first = client.post(f"/v1/searches/{search}/cancel")
    again = client.post(f"/v1/searches/{search}/cancel")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
