"""What a worker is told to come next: true where it can be known, free of side effects, and cheap."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from service.api.app import create_app
from tests.service.fleet import Fleet, result

ASK = {"worker": "w", "process": "p"}


@pytest.fixture
def client(fleet: Fleet) -> Iterator[TestClient]:
    with TestClient(create_app(fleet.context), base_url="http://127.0.0.1") as opened:
        yield opened


def leases(client: TestClient, **asked: Any) -> Iterator[dict[str, Any]]:
    """Lease and complete until there is no work; what each answer said."""
    known: list[str] = []
    while (answer := client.post("/v1/leases", json={**ASK, "programs": known, **asked})).status_code == 200:
        lease: dict[str, Any] = answer.json()
        known.append(lease["trial"]["architecture"]["key"])
        body = {"lease_epoch": lease["lease_epoch"], "outcome": "completed", "result": result(0.9).model_dump()}
        yield lease
        assert client.post(f"/v1/leases/{lease['id']}/finish", json=body).status_code == 200


def networks(given: list[dict[str, Any]]) -> list[str]:
    return [lease["trial"]["architecture"]["key"] for lease in given]


@contextmanager
def counted(fleet: Fleet) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    heard: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(fleet.context.engine, "before_cursor_execute", note)
    yield heard
    event.remove(fleet.context.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("sampler", [{"name": "random"}, {"name": "tpe", "startup_trials": 5}])
def test_what_is_named_comes_next_where_no_result_decides_it(
    fleet: Fleet, client: TestClient, sampler: dict[str, Any]
) -> None:
    fleet.submit(trials=5, sampler=sampler, parallelism=1, finalists={"count": 2, "seeds": 2})
    given = list(leases(client, upcoming=True))
    named = [lease["upcoming"] and lease["upcoming"]["key"] for lease in given]
    assert named[:4] == networks(given)[1:5]
    assert named[4:] == [None] * 5  # the last trial, and finals of networks that are at hand
    for lease, after in pairwise(given[:5]):
        shape = {name: after["job"][name] for name in ("depths", "widths", "resolution")}
        assert lease["upcoming"] == {"key": after["trial"]["architecture"]["key"], **shape, "seeds": 1}


def test_asking_changes_nothing_of_what_comes(fleet: Fleet, client: TestClient) -> None:
    spec = {"trials": 8, "sampler": {"name": "tpe", "startup_trials": 2}, "parallelism": 1}
    fleet.submit(**spec)
    asked = list(leases(client, upcoming=True))
    fleet.submit(**spec)
    plain = list(leases(client))
    assert networks(asked) == networks(plain)
    assert [lease["upcoming"] for lease in plain] == [None] * 8


def test_a_queued_run_of_another_network_is_named(fleet: Fleet, client: TestClient) -> None:
    search = fleet.submit()
    for lease in [fleet.must_lease(f"w{number}") for number in range(3)]:
        fleet.release(lease, "drain")
    keys = [trial.key for trial in fleet.trials(search)]
    first = client.post("/v1/leases", json={**ASK, "upcoming": True}).json()
    assert (first["trial_number"], first["upcoming"]["key"]) == (0, keys[1])
    asked = {"worker": "v", "process": "p", "upcoming": True, "programs": keys[1:]}
    other = client.post("/v1/leases", json=asked).json()
    assert (other["trial_number"], other["upcoming"]) == (1, None)


@pytest.mark.parametrize("queued", [False, True])
def test_it_costs_two_statements(fleet: Fleet, client: TestClient, queued: bool) -> None:
    counts = []
    for upcoming in (False, False, True):  # the first opens connections
        search = fleet.submit()
        if queued:
            for lease in [fleet.must_lease(f"w{number}") for number in range(2)]:
                fleet.release(lease, "drain")
        with counted(fleet) as heard:
            answer = client.post("/v1/leases", json={**ASK, "upcoming": upcoming}).json()
        counts.append(len(heard))
        assert (answer["upcoming"] is not None) is upcoming
        fleet.change(search, "cancel")
    assert 0 < counts[2] - counts[1] <= 2


def test_what_was_trained_before_is_nothing_to_compile(fleet: Fleet, client: TestClient) -> None:
    shared = {"trials": 2, "reuse": True, "parallelism": 1}
    fleet.submit(**shared)
    fleet.finish(fleet.must_lease(), None, "failed")
    fleet.finish(fleet.must_lease())
    second = fleet.submit(**shared)
    lease = client.post("/v1/leases", json={**ASK, "upcoming": True}).json()
    assert (lease["search_id"], lease["trial_number"], lease["upcoming"]) == (second, 0, None)
    fleet.submit(**shared | {"seed": 1})
    lease = client.post("/v1/leases", json={**ASK, "worker": "other", "upcoming": True}).json()
    assert lease["upcoming"] is not None
