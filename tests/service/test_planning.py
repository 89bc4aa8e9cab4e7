"""Counting the networks of a space may take seconds: it happens once, and never while the database is locked."""

import pytest
from fastapi.testclient import TestClient

from search import catalogue
from search.spec import SearchSpec
from service.kernel import Kernel
from tests.contracts.fleet import SPEC


def test_a_space_is_counted_once_and_outside_of_transactions(
    client: TestClient, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    build = catalogue.build

    def noted(spec: SearchSpec, classes: int) -> catalogue.Catalogue:
        with kernel.write() as (session, _now):  # waits for ever if this very thread holds SQLite's only pen
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
