"""Transactions on both engines: all or nothing, durable, and told as 503 when the database is away."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from service.api.app import create_app
from service.api.context import ServiceContext, build_context
from service.errors import DatabaseUnavailable
from service.settings import Settings
from service.store import database
from service.store.database import open_engine, reading, transaction
from service.store.tables import EventRow, SearchRow
from tests.service.api.problem import assert_problem
from tests.service.fleet import SPEC, Fleet


def test_a_transaction_that_fails_leaves_nothing(context: ServiceContext, fleet: Fleet) -> None:
    search = fleet.submit()
    before = fleet.dump()
    rings = context.wakeups.count

    def fail() -> None:
        with context.write() as (session, _now):
            session.add(EventRow(search_id=search, type="x", at=0.0, data={}))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert fleet.dump() == before
    assert context.wakeups.count == rings


def test_a_reader_sees_one_moment_and_stops_no_writer(context: ServiceContext, fleet: Fleet) -> None:
    first = fleet.submit()
    with reading(context.engine) as session:
        assert list(session.scalars(select(SearchRow.id))) == [first]
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(fleet.submit).result(20)
        if context.engine.dialect.name == "sqlite":  # PostgreSQL's default shows each statement the newest commits
            assert list(session.scalars(select(SearchRow.id))) == [first]
    assert {row[0] for row in fleet.dump()["effscale_searches"]} == {first, second}


def test_writers_of_one_search_take_turns(context: ServiceContext, fleet: Fleet) -> None:
    """Each adds one to what it read: with any two at once, some would be lost."""
    from service.store import searches

    search = fleet.submit()
    before = fleet.search(search).version
    barrier = threading.Barrier(8, timeout=30)

    def add(_number: int) -> None:
        barrier.wait()
        for _ in range(5):
            with context.write() as (session, _now):
                searches.lock(session, search).version += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert fleet.search(search).version == before + 40


def test_sqlite_waits_for_the_disk_at_every_commit(migrated_sqlite: Path) -> None:
    engine = open_engine(f"sqlite:///{migrated_sqlite}")
    with reading(engine) as session:
        settings = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("synchronous", "journal_mode", "foreign_keys")
        }
    engine.dispose()
    assert settings == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}  # 2 is FULL


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_decides_by_its_own_clock(context: ServiceContext) -> None:
    with context.read() as session:
        first, second = database.database_time(session), database.database_time(session)
    assert 1.7e9 < first < second  # it moves within a transaction, too


@pytest.mark.parametrize("url", ["postgresql+psycopg://nobody@127.0.0.1:1/nothing", "sqlite:////proc/nothing/x.db"])
def test_a_database_that_is_away_is_a_503_everywhere(tmp_path: Path, url: str) -> None:
    context = build_context(Settings(data_dir=tmp_path, database_url=url, sweep_seconds=0.05))
    with pytest.raises(DatabaseUnavailable, match="nothing was changed"), transaction(context.engine) as session:
        session.execute(text("SELECT 1"))
    with TestClient(create_app(context), base_url="http://127.0.0.1") as client:  # its sweeper outlives the outage
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] != "ok"
        for answer in (
            client.get("/v1/searches"),
            client.get("/v1/searches/x"),
            client.get("/v1/searches/x/events"),
            client.get("/metrics"),
            client.post("/v1/searches", json=SPEC),
            client.post("/v1/leases", json={"worker": "w", "process": "p"}),
            client.post("/v1/leases/x/reports", json={"lease_epoch": 1}),
        ):
            assert_problem(answer, 503, "database-unavailable")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_comes_back_is_used_again(context: ServiceContext, fleet: Fleet) -> None:
    """A connection is cut, as by a restart: the pool looks before it lends."""
    search = fleet.submit()
    with context.read() as session:
        own = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = build_context(context.settings)
    with other.write() as (session, _now):
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :own"
        assert session.execute(text(statement), {"own": own}).scalar_one()
    other.engine.dispose()
    assert fleet.search(search).state == "queued"
