"""Pages of lists against the whole list, in every order, on data with ties and gaps."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, insert

from search.results.leaderboard import OTHER, PRUNED
from service.api.app import create_app
from service.api.context import ServiceContext
from service.store.leaderboard import SORTABLE
from service.store.tables import TrialRow
from tests.conftest import Clock
from tests.service.fleet import Fleet

ROUNDS = 2
MOST = 1000  # items of any list here: pages that go round in circles end
SORTS = [None, *SORTABLE, *(f"-{name}" for name in SORTABLE)]
GAPS = ("accuracy", "train_accuracy", "generalization_gap", "last_accuracy", "best_accuracy")
MEASURED = ("latency_ms", "images_per_second")
Document = dict[str, Any]


@pytest.fixture
def client(context: ServiceContext) -> Iterator[TestClient]:
    """The context over HTTP, on loopback."""
    with TestClient(create_app(context), base_url="http://127.0.0.1") as client:
        yield client


def fill(context: ServiceContext, search_id: str, chance: random.Random) -> int:
    """Put made-up trials into a search: many equal values, many without one. Answers how many."""
    count = chance.randrange(0, 25)
    rows = []
    for number in range(count):
        accuracy = chance.choice([None, 0.0, 0.1 + 0.2, 1.0, chance.random()])
        rows.append(
            {
                "search_id": search_id,
                "number": number,
                "state": chance.choice(["completed", "running", "pruned"]),
                "key": f"k{number}",
                **{name: chance.choice([1.0, 1.2, 1 + chance.random()]) for name in ("alpha", "beta", "gamma")},
                "phi": 1.0,
                "depths": [1],
                "widths": [8, 8, 8],
                "dropout": 0.2,
                "drop_path": 0.1,
                "selection": "last",
                "classes": 10,
                **{
                    name: chance.choice([5, 2**40 + 1, chance.randrange(2**50)])
                    for name in ("params", "macs", "activations")
                },
                **{name: chance.choice([8, 32, 4000]) for name in ("resolution", "receptive_field", "seeds", "epochs")},
                "macs_ratio": chance.choice([2.0, 1 / 3, chance.random() * 1e9]),
                "device_seconds": chance.choice([0.0, 0.1, chance.random() * 1e6]),
                "reference": number == 0,
                "finalist": chance.random() < 0.2,
                "attempts": 1,
                "created_at": 0.0,
                "accuracy": accuracy,
                "score": accuracy,
                **{name: chance.choice([None, 0.5, chance.random()]) for name in ("balanced_accuracy", "macro_f1")},
                "standing": OTHER if accuracy is None else chance.randrange(PRUNED + 1),
                **{name: chance.choice([None, -0.5, 0.25, chance.random()]) for name in GAPS[1:]},
                **{name: chance.choice([None, 0.1, chance.random() * 1e4]) for name in MEASURED},
                "peak_memory_bytes": chance.choice([None, 5, 2**40 + 1, chance.randrange(2**50)]),
            }
        )
    with context.write() as (session, _now):
        session.execute(delete(TrialRow).where(TrialRow.search_id == search_id))
        if rows:
            session.execute(insert(TrialRow), rows)
    return count


def pages(client: TestClient, path: str, limit: int, **query: Any) -> list[Document]:
    """All items of a list, page by page."""
    items: list[Document] = []
    cursor = None
    while True:
        parameters = {**query, "limit": limit} | ({} if cursor is None else {"cursor": cursor})
        answer = client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        found = answer.json()["items"]
        assert len(found) <= limit
        items += found
        assert len(items) < MOST
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return items


def ranks(items: list[Document]) -> list[int | None]:
    """Places from 1; a trial without an accuracy has none."""
    return [None if item["accuracy"] is None else place for place, item in enumerate(items, 1)]


def expected_order(items: list[Document], sort: str) -> list[Document]:
    """By the column, in Python: rows without a value last, equal ones by number."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")

    def value(item: Document) -> float | None:
        found: float | None = {**item["cost"], **item["architecture"], **item}[name]
        return found

    def place(item: Document) -> tuple[bool, float, int]:
        found = value(item)
        return found is None, 0 if found is None else -found if descending else found, item["number"]

    return sorted(items, key=place)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_pages_in_every_order_make_up_the_whole(
    client: TestClient, fleet: Fleet, context: ServiceContext, seed: int
) -> None:
    chance = random.Random(seed)
    search = fleet.submit()
    count = fill(context, search, chance)
    path = f"/v1/searches/{search}/leaderboard"
    for sort in SORTS:
        query = {} if sort is None else {"sort": sort}
        whole = pages(client, path, 500, **query)
        assert len(whole) == count
        assert [item["rank"] for item in whole] == ranks(whole)
        limit = chance.randrange(1, 8)
        assert pages(client, path, limit, **query) == whole, sort
        if sort is not None:
            assert whole == expected_order(whole, sort), sort


def test_the_default_order_is_by_standing_then_accuracy(
    client: TestClient, fleet: Fleet, context: ServiceContext
) -> None:
    search = fleet.submit()
    fill(context, search, random.Random(11))
    rows = sorted(fleet.trials(search), key=lambda row: (row.standing, -(row.accuracy or 0.0), row.number))
    shown = pages(client, f"/v1/searches/{search}/leaderboard", 7)
    assert [item["number"] for item in shown] == [row.number for row in rows]


@pytest.mark.parametrize(
    ("where", "keep"),
    [
        ("accuracy >= 0.3", lambda row: row.accuracy is not None and row.accuracy >= 0.3),
        ("macs < 1e12 and seeds = 8", lambda row: row.macs < 1e12 and row.seeds == 8),
        ("seeds > 7.6", lambda row: row.seeds > 7.6),
        ("resolution != 32", lambda row: row.resolution != 32),
        ("resolution < 1e300", lambda row: True),
        ("number >= -1e18", lambda row: True),
        ("macs == 1099511627777", lambda row: row.macs == 1099511627777),
        (
            "generalization_gap <= -0.5",
            lambda row: row.generalization_gap is not None and row.generalization_gap <= -0.5,
        ),
    ],
)
def test_a_filter_keeps_what_python_would_keep(
    client: TestClient, fleet: Fleet, context: ServiceContext, where: str, keep: Any
) -> None:
    search = fleet.submit()
    fill(context, search, random.Random(1))
    kept = [row.number for row in fleet.trials(search) if keep(row)]
    path = f"/v1/searches/{search}/leaderboard"
    assert [item["number"] for item in pages(client, path, 500, where=where, sort="number")] == kept
    by_page = pages(client, path, 3, where=where, sort="-accuracy")
    assert sorted(item["number"] for item in by_page) == kept
    assert [item["rank"] for item in by_page] == ranks(by_page)
    assert len(by_page) == len(kept)


def test_the_pareto_front_is_what_none_beats(client: TestClient, fleet: Fleet, context: ServiceContext) -> None:
    for seed in range(3):
        search = fleet.submit()
        fill(context, search, random.Random(seed))
        rows = [row for row in fleet.trials(search) if row.state == "completed" and row.accuracy is not None]
        front = [
            row.number
            for row in rows
            if not any(
                (other.accuracy or 0) >= (row.accuracy or 0)
                and other.macs <= row.macs
                and ((other.accuracy or 0) > (row.accuracy or 0) or other.macs < row.macs)
                for other in rows
            )
        ]
        path = f"/v1/searches/{search}/leaderboard"
        assert [item["number"] for item in pages(client, path, 2, pareto="true", sort="number")] == front


def test_an_unchanged_leaderboard_is_a_304_until_something_changes(
    client: TestClient, fleet: Fleet, clock: Clock
) -> None:
    search = fleet.submit(trials=2, finalists={"count": 1, "seeds": 2})
    path = f"/v1/searches/{search}/leaderboard"
    seen = client.get(path).headers["etag"]

    def changed() -> bool:
        nonlocal seen
        clock.advance(1)
        answer = client.get(path, headers={"If-None-Match": f'"other", {seen}'})
        assert answer.headers["etag"]
        if answer.status_code == 304:
            assert answer.content == b""
            assert answer.headers["etag"] == seen
            return False
        assert answer.headers["etag"] != seen
        seen = answer.headers["etag"]
        return True

    assert not changed()
    lease = fleet.must_lease()
    assert changed()  # there is a trial now
    assert not changed()
    fleet.heartbeat(lease)
    fleet.report(lease, 1, 0.5)
    assert not changed()  # epochs are not shown there
    fleet.release(lease, "drain")
    assert changed()
    for _ in range(2):
        lease = fleet.must_lease()
        assert changed()  # it runs
        fleet.finish(lease)
        assert changed()  # it has a rank
    fleet.run_dry()
    assert changed()
    assert not changed()
    assert client.get(path, params={"limit": 1}).headers["etag"] != seen  # another question


def test_trials_come_in_number_order_whatever_the_page(
    client: TestClient, fleet: Fleet, context: ServiceContext
) -> None:
    search = fleet.submit()
    count = fill(context, search, random.Random(5))
    path = f"/v1/searches/{search}/trials"
    assert [item["number"] for item in pages(client, path, 3)] == list(range(count))
    running = [trial.number for trial in fleet.trials(search) if trial.state == "running"]
    assert [item["number"] for item in pages(client, path, 2, state="running")] == running


def test_searches_come_newest_first_whatever_the_page(client: TestClient, fleet: Fleet, clock: Clock) -> None:
    made = []
    for number in range(9):
        made.append(fleet.submit(name=f"name {number % 2}"))
        clock.advance(number % 3)  # some are of the same moment
    whole = [item["id"] for item in pages(client, "/v1/searches", 200)]
    assert sorted(whole) == sorted(made)
    created = [item["created_at"] for item in pages(client, "/v1/searches", 200)]
    assert created == sorted(created, reverse=True)
    assert [item["id"] for item in pages(client, "/v1/searches", 2)] == whole
    odd = [item["id"] for item in pages(client, "/v1/searches", 2, name="name 1")]
    assert sorted(odd) == sorted(made[1::2])
