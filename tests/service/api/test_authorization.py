"""Who may do what: every route against every scope, generated from the OpenAPI document."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from service.api.context import ServiceContext
from service.api.keys import MARK, Scope, list_keys, revoke_key
from tests.conftest import Clock
from tests.service.api.conftest import headers
from tests.service.api.problem import assert_problem
from tests.service.fleet import SPEC, Fleet

SCOPES: Sequence[Scope] = get_args(Scope)
DAY = 86_400.0
# The rule for every route. A route that is not here fails a test: whoever adds one decides who may use it.
RULES: dict[tuple[str, str], Scope | None] = {
    ("POST", "/v1/searches"): "submit",
    ("GET", "/v1/searches"): "read",
    ("POST", "/v1/plans"): "read",
    ("GET", "/v1/searches/{search_id}"): "read",
    ("DELETE", "/v1/searches/{search_id}"): "submit",
    ("POST", "/v1/searches/{search_id}/pause"): "submit",
    ("POST", "/v1/searches/{search_id}/resume"): "submit",
    ("POST", "/v1/searches/{search_id}/cancel"): "submit",
    ("GET", "/v1/searches/{search_id}/trials"): "read",
    ("GET", "/v1/searches/{search_id}/trials/{number}"): "read",
    ("GET", "/v1/searches/{search_id}/leaderboard"): "read",
    ("GET", "/v1/searches/{search_id}/events"): "read",
    ("GET", "/v1/searches/{search_id}/export"): "read",
    ("GET", "/v1/searches/{search_id}/plots/{name}"): "read",
    ("GET", "/v1/baselines"): "read",
    ("GET", "/v1/baselines/{name}"): "read",
    ("GET", "/v1/datasets"): "read",
    ("GET", "/v1/datasets/{name}"): "read",
    ("GET", "/v1/datasets/{name}/thumbnails"): "read",
    ("GET", "/v1/weights"): "read",
    ("GET", "/v1/weights/{name}"): "read",
    ("GET", "/v1/scale"): "read",
    ("GET", "/v1/family"): "read",
    ("POST", "/v1/leases"): "worker",
    ("POST", "/v1/leases/{lease_id}/reports"): "worker",
    ("POST", "/v1/leases/{lease_id}/finish"): "worker",
    ("POST", "/v1/leases/{lease_id}/release"): "worker",
    ("PUT", "/v1/leases/{lease_id}/checkpoints/{epoch}"): "worker",
    ("GET", "/v1/leases/{lease_id}/checkpoints/{epoch}"): "worker",
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): None,
}
METHODS = {"get", "put", "post", "patch", "delete", "head", "options"}


def filled(path: str, search_id: str = "unknown") -> str:
    """The address of a route, with something in the place of its parameters."""
    return path.format(search_id=search_id, lease_id="unknown", number=0, epoch=1, name="pareto")


def test_every_route_has_a_rule_and_every_rule_a_route(public: TestClient) -> None:
    document = public.get("/openapi.json").json()
    routes = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method in METHODS
    }
    assert routes == set(RULES)


def test_no_route_hides_from_the_document_but_pages(public: TestClient) -> None:
    hidden = [route for route in public.app.routes if isinstance(route, APIRoute) and not route.include_in_schema]  # type: ignore[attr-defined]
    assert [route.path for route in hidden if route.path.startswith("/v1")] == []
    assert {method for route in hidden for method in route.methods or ()} <= {"GET", "HEAD"}


@pytest.mark.parametrize(("route", "rule"), RULES.items(), ids=[" ".join(route) for route in RULES])
def test_a_route_wants_its_scope_and_no_other(
    public: TestClient, public_context: ServiceContext, route: tuple[str, str], rule: Scope | None
) -> None:
    method, path = route[0], filled(route[1])
    before = Fleet(public_context).dump()["effscale_searches"]
    if rule is None:
        assert public.request(method, path).status_code == 200
        return
    assert_problem(public.request(method, path), 401, "unauthorized")
    for scope in SCOPES:
        answer = public.request(method, path, headers=headers(public_context, [scope]))
        if scope in (rule, "admin"):
            assert answer.status_code in (200, 404, 409, 422), answer.text
        else:
            detail = assert_problem(answer, 403, "forbidden")["detail"]
            assert repr(rule) in detail
    assert Fleet(public_context).dump()["effscale_searches"] == before


def test_every_wrong_key_is_refused_alike(public: TestClient, public_context: ServiceContext, clock: Clock) -> None:
    good = headers(public_context, SCOPES)["Authorization"].removeprefix("Bearer ")
    revoked = headers(public_context, SCOPES)["Authorization"]
    expired = headers(public_context, SCOPES, expires_at=clock() + DAY)["Authorization"]
    with public_context.write() as (session, now):
        revoke_key(session, _id_of(revoked), now)
    assert public.get("/v1/searches", headers={"Authorization": expired}).status_code == 200
    clock.advance(DAY)
    prefix = good.removeprefix(MARK).partition("_")[0]
    wrong: list[str | bytes] = [
        revoked,
        expired,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {good}",
        good,
        f"Bearer {good}x",
        f"Bearer {good[:-1]}",
        f"Bearer {good.removeprefix(MARK)}",
        f"Bearer {MARK}",
        f"Bearer {MARK}{prefix}_",
        f"Bearer {MARK}{prefix}",
        f"Bearer {MARK}00000000_{good.split('_', 2)[2]}",
        f"Bearer {MARK}%_%",
        f"Bearer {MARK}' OR 1=1 --_x",
        "Bearer " + "x" * 10_000,
        b"Bearer effs_\xff\xfe_x",
    ]
    answers = [public.get("/v1/searches", headers={b"Authorization": _bytes(text)}) for text in wrong]
    answers.append(public.get("/v1/searches"))
    for answer in answers:
        assert_problem(answer, 401, "unauthorized")
    assert len({answer.content for answer in answers}) == 1
    assert public.get("/v1/searches", headers={"Authorization": f"bearer {good}"}).status_code == 200


def _id_of(authorization: str) -> str:
    return "k" + authorization.removeprefix(f"Bearer {MARK}").partition("_")[0]


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def test_a_wrong_key_is_refused_on_loopback_too(client: TestClient) -> None:
    """Whoever sends one means to be somebody, and must not become the local owner by mistake."""
    assert client.get("/v1/searches").status_code == 200
    assert_problem(client.get("/v1/searches", headers={"Authorization": "Bearer effs_a_b"}), 401)
    assert_problem(client.get("/v1/searches", headers={"Authorization": "Basic YTpi"}), 401)


def test_what_belongs_to_another_is_not_there(public: TestClient, public_context: ServiceContext) -> None:
    ann = headers(public_context, SCOPES, owner="ann")
    bob = headers(public_context, SCOPES, owner="bob")  # even as an admin
    submitted = public.post("/v1/searches", json={**SPEC, "trials": 1}, headers=ann | {"Idempotency-Key": "k"}).json()
    fleet = Fleet(public_context)
    fleet.run_dry()
    before = fleet.dump()
    paths = [route for route in RULES if "{search_id}" in route[1]]
    assert len(paths) >= 10
    for method, path in paths:
        theirs = public.request(method, filled(path, submitted["id"]), headers=bob)
        nobodys = public.request(method, filled(path, "s0123456789abcdef"), headers=bob)
        assert_problem(theirs, 404, "not-found")
        assert theirs.text.replace(submitted["id"], "?") == nobodys.text.replace("s0123456789abcdef", "?")
    assert public.get("/v1/searches", headers=bob).json()["items"] == []
    assert fleet.dump() == before
    answer = public.post("/v1/searches", json=SPEC, headers=bob | {"Idempotency-Key": "k"})
    assert answer.status_code == 201  # keys of others are not there either
    assert [item["id"] for item in public.get("/v1/searches", headers=ann).json()["items"]] == [submitted["id"]]
    for method, path in paths:
        if method == "GET":
            assert public.request(method, filled(path, submitted["id"]), headers=ann).status_code == 200


def test_no_secret_is_stored_or_logged(
    public: TestClient, public_context: ServiceContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    authorization = headers(public_context, SCOPES)
    secret = authorization["Authorization"].split("_", 2)[2]
    assert len(secret) >= 43  # 256 bits in base64
    assert public.post("/v1/searches", json=SPEC, headers=authorization).status_code == 201
    assert_problem(public.get("/v1/searches", headers={"Authorization": f"Bearer effs_wrong_{secret}"}), 401)
    assert secret not in caplog.text
    assert secret not in str(Fleet(public_context).dump())
    for file in tmp_path.iterdir():
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file.name


def test_every_key_is_another(public_context: ServiceContext) -> None:
    texts = {headers(public_context, ["read"])["Authorization"] for _ in range(20)}
    assert len(texts) == 20
    with public_context.read() as session:
        keys = list_keys(session)
    assert len({key.prefix for key in keys}) == len({key.sha256 for key in keys}) == 20
