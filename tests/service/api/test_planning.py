"""Counting the networks of a space may take seconds: it happens once, and never while the database is locked."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.space import catalogue
from search.spec.spec import SearchSpec
from service.api.context import ServiceContext
from service.api.keys import LOCAL
from tests.service.fleet import SPEC, Fleet


def test_a_space_is_counted_once_and_outside_of_transactions(
    client: TestClient, context: ServiceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    build = catalogue.build

    def noted(spec: SearchSpec, classes: int) -> catalogue.Catalogue:
        with context.write() as (session, _now):  # waits for ever if this very thread holds SQLite's only pen
            counted.append(session.connection().in_transaction())
        return build(spec, classes)

    monkeypatch.setattr(catalogue, "build", noted)
    catalogue._remembered.cache_clear()
    assert client.post("/v1/searches", json=SPEC).status_code == 201
    assert client.post("/v1/leases", json={"worker": "a", "process": "p"}).status_code == 200
    assert len(counted) == 1
    catalogue._remembered.cache_clear()  # a restart
    assert client.post("/v1/leases", json={"worker": "b", "process": "p"}).status_code == 200
    assert len(counted) == 2


def test_the_time_of_a_plan_is_learned_from_what_has_finished(client: TestClient, context: ServiceContext) -> None:
    fleet = Fleet(context)
    wanted = {**SPEC, "finalists": {"count": 0}}

    def planned() -> dict[str, Any]:
        return client.post("/v1/plans", json=wanted).json()["device_seconds"]

    assert planned()["measured"] == 0
    fleet.submit(owner="somebody-else")
    for _ in range(3):
        fleet.finish(fleet.must_lease(), seconds=8.0, compile_seconds=1.0, programs_compiled=1)
    theirs = planned()
    assert (theirs["measured"], theirs["low"] < theirs["estimate"] < theirs["high"]) == (3, True)
    assert "3 on cpu" in theirs["basis"]
    fleet.finish(fleet.must_lease(), seconds=8.0)
    mine = fleet.submit(owner=LOCAL.owner)
    for _ in range(3):
        fleet.finish(fleet.must_lease(), seconds=80.0, compile_seconds=1.0, programs_compiled=1)
    assert planned()["estimate"] > 5 * theirs["estimate"]  # one's own alone count, where there are any
    assert client.get(f"/v1/searches/{mine}").json()["plan"]["device_seconds"]["measured"] == 4
