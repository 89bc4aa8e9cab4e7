"""What an ended search has shown is computed once and stored; unchanged polls and large answers cost little."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, select

from service.api import findings
from service.api.context import ServiceContext
from service.core import conclusions
from service.store.tables import FindingsRow
from tests.service.fleet import SPEC, Fleet

Document = dict[str, Any]


@pytest.fixture
def ended(fleet: Fleet) -> str:
    """A search of four trials that has succeeded."""
    search_id = fleet.submit(finalists={"count": 2, "seeds": 2})
    fleet.run_dry()
    return search_id


def stored(context: ServiceContext) -> list[str]:
    """The searches of which something is stored."""
    with context.read() as session:
        return list(session.scalars(select(FindingsRow.search_id)))


def test_what_was_shown_is_computed_once(
    client: TestClient, context: ServiceContext, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(f"/v1/searches/{ended}").json()
    config = client.get(f"/v1/searches/{ended}/export").json()
    assert first["statement"]
    assert stored(context) == [ended]

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(findings, "conclude", never)
    assert client.get(f"/v1/searches/{ended}").json() == first
    assert client.get(f"/v1/searches/{ended}/export").json() == config
    assert client.get(f"/v1/searches/{ended}/plots/family").status_code == 200


def test_what_is_stored_is_what_is_computed(client: TestClient, context: ServiceContext, ended: str) -> None:
    """Also after a process died between the end of the search and the storing."""
    first = client.get(f"/v1/searches/{ended}").json()
    with context.write() as (session, _now):
        session.execute(delete(FindingsRow))
    assert client.get(f"/v1/searches/{ended}").json() == first
    assert stored(context) == [ended]


def test_the_service_stores_it_without_being_asked(context: ServiceContext, ended: str) -> None:
    assert findings.store_next(context)
    assert stored(context) == [ended]
    assert not findings.store_next(context)


def test_a_change_of_the_search_makes_it_computed_anew(
    client: TestClient, context: ServiceContext, fleet: Fleet, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(f"/v1/searches/{ended}")
    asked = []
    ours = conclusions.conclude
    monkeypatch.setattr(findings, "conclude", lambda *given: (asked.append(1), ours(*given))[1])
    fleet.touch(ended)
    client.get(f"/v1/searches/{ended}")
    assert asked == [1]


def test_nothing_is_stored_before_the_end_and_nothing_is_left_after_a_delete(
    client: TestClient, context: ServiceContext, fleet: Fleet
) -> None:
    search_id = fleet.submit()
    assert client.get(f"/v1/searches/{search_id}").json()["statement"] is None
    assert stored(context) == []
    client.post(f"/v1/searches/{search_id}/cancel")
    client.get(f"/v1/searches/{search_id}")
    assert stored(context) == [search_id]
    assert client.delete(f"/v1/searches/{search_id}").status_code == 204
    assert stored(context) == []


@pytest.mark.parametrize("path", ["", "/trials", "/leaderboard", "/export", "/plots/history", "/plots/curves"])
def test_an_unchanged_poll_is_304_and_a_changed_one_is_not(
    client: TestClient, fleet: Fleet, ended: str, path: str
) -> None:
    url = f"/v1/searches/{ended}{path}"
    tag = client.get(url).headers["ETag"]
    again = client.get(url, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    fleet.touch(ended)
    changed = client.get(url, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["ETag"] != tag) == (200, True)


def test_an_epoch_changes_the_curves(client: TestClient, fleet: Fleet) -> None:
    search_id = fleet.submit()
    lease = fleet.must_lease()
    fleet.report(lease, 1, 0.5)
    url = f"/v1/searches/{search_id}/plots/curves"
    before = client.get(url)
    fleet.report(lease, 2, 0.6)
    after = client.get(url, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert json.dumps(after.json()) != json.dumps(before.json())


def test_lists_are_summaries(client: TestClient, ended: str) -> None:
    (item,) = client.get("/v1/searches").json()["items"]
    whole = client.get(f"/v1/searches/{ended}").json()
    assert not item.keys() & {"spec", "plan"}
    assert (item["dataset"], item["baseline"]) == (SPEC["dataset"], SPEC["baseline"])
    assert {name: whole[name] for name in item} == item


def test_large_answers_are_compressed_and_small_ones_are_not(client: TestClient, ended: str) -> None:
    large = client.get(f"/v1/searches/{ended}", headers={"Accept-Encoding": "gzip"})
    assert large.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in large.headers["Vary"]
    assert "Content-Encoding" not in client.get("/healthz", headers={"Accept-Encoding": "gzip"}).headers
    plain = client.get(f"/v1/searches/{ended}", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.json() == large.json()
