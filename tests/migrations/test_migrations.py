"""From nothing to the tables and back, on both engines; beside Optuna's tables, and by two processes at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from service.api.context import build_context
from service.errors import SchemaMismatch
from service.settings import Settings
from service.store import migrate, revision
from service.store.database import open_engine
from service.store.revision import REVISIONS, VERSION_TABLE
from service.store.tables import PREFIX, Table
from tests.service.fleet import Fleet

HEAD = REVISIONS[-1]
OURS = {*Table.metadata.tables, VERSION_TABLE}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on either engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'effscale.db'}"
    create: Callable[[], str] = request.getfixturevalue("new_postgres")
    return Settings(database_url=create()).url


@pytest.fixture
def tables(url: str) -> Iterator[Callable[[], set[str]]]:
    """A function that names the tables there are now."""
    engine = create_engine(url)
    yield lambda: set(inspect(engine).get_table_names())
    engine.dispose()


def differences(url: str) -> list[object]:
    engine = open_engine(url)
    found = migrate.differences(engine)
    engine.dispose()
    return found


def claim_to_be_at(url: str, number: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :number"), {"number": number})
    engine.dispose()


def test_from_nothing_the_migrations_give_exactly_the_tables(url: str, tables: Callable[[], set[str]]) -> None:
    assert migrate.upgrade(url) == HEAD
    assert tables() == OURS
    assert all(name.startswith(PREFIX) for name in tables())
    assert differences(url) == []


def test_a_missing_column_would_be_noticed(url: str) -> None:
    migrate.upgrade(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {PREFIX}searches DROP COLUMN message"))
        connection.execute(text(f"CREATE TABLE {PREFIX}forgotten (id INTEGER)"))
    engine.dispose()
    assert len(differences(url)) == 2


def test_up_down_up(url: str, tables: Callable[[], set[str]]) -> None:
    migrate.upgrade(url)
    assert migrate.downgrade(url, "base") == "empty"
    assert tables() == {VERSION_TABLE}
    assert migrate.upgrade(url) == HEAD
    assert tables() == OURS
    assert differences(url) == []


def test_migrating_again_keeps_every_row(url: str, tmp_path: Path) -> None:
    migrate.upgrade(url)
    context = build_context(Settings(data_dir=tmp_path, database_url=url))
    fleet = Fleet(context)
    fleet.submit(key="k", finalists={"count": 1, "seeds": 2})
    held = fleet.must_lease("a")
    fleet.report(held, 1, 0.5)
    fleet.finish(fleet.must_lease("b"))
    before = fleet.dump()
    assert migrate.upgrade(url) == HEAD
    assert fleet.dump() == before
    assert fleet.finish(held) == "completed"  # the work goes on
    context.engine.dispose()


def test_an_empty_database_says_what_to_do(url: str) -> None:
    engine = open_engine(url)
    with pytest.raises(SchemaMismatch, match=r"no effscale tables yet; run 'effscale migrate'"):
        revision.check_current(engine)
    migrate.upgrade(url)
    revision.check_current(engine)
    engine.dispose()


def test_a_newer_database_is_refused_and_left_alone(url: str, tables: Callable[[], set[str]]) -> None:
    migrate.upgrade(url)
    claim_to_be_at(url, "9999")
    engine = open_engine(url)
    with pytest.raises(SchemaMismatch, match=r"9999.*written by a newer one; upgrade effscale"):
        revision.check_current(engine)
    with pytest.raises(SchemaMismatch, match="newer effscale"):
        migrate.upgrade(url)
    assert revision.current(engine) == "9999"
    assert tables() == OURS
    engine.dispose()


def test_an_older_database_is_refused_until_it_is_migrated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(url)
    engine = open_engine(url)
    monkeypatch.setattr(revision, "REVISIONS", (*REVISIONS, "9000"))
    with pytest.raises(SchemaMismatch, match=r"older than 9000; run 'effscale migrate'"):
        revision.check_current(engine)
    engine.dispose()


def test_migrations_at_once_take_turns(url: str) -> None:
    barrier = threading.Barrier(3, timeout=30)

    def begin(_number: int) -> str:
        barrier.wait()
        return migrate.upgrade(url)

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(begin, range(3))) == {HEAD}
    assert differences(url) == []


def test_a_migration_that_fails_leaves_nothing(
    url: str, tables: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_positional: object, **_options: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("alembic.operations.base.BatchOperations.create_index", fails)  # after some tables
    with pytest.raises(RuntimeError, match="the power went"):
        migrate.upgrade(url)
    monkeypatch.undo()
    assert tables() == set()
    assert migrate.upgrade(url) == HEAD
    assert differences(url) == []


@pytest.mark.parametrize("first", ["ours", "optuna"])
def test_optuna_may_share_the_database(url: str, tables: Callable[[], set[str]], first: str, tmp_path: Path) -> None:
    from optuna.storages import RDBStorage
    from optuna.study import create_study, load_study

    def use_optuna() -> None:
        storage = RDBStorage(url)
        study = create_study(storage=storage, study_name="theirs", load_if_exists=True)
        study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=2)
        storage.engine.dispose()

    if first == "optuna":
        use_optuna()
    migrate.upgrade(url)
    if first == "ours":
        use_optuna()
    assert tables() >= OURS | {"studies", "trials", "alembic_version"}
    assert differences(url) == []

    context = build_context(Settings(data_dir=tmp_path, database_url=url))
    revision.check_current(context.engine)
    fleet = Fleet(context)
    fleet.submit(trials=2)
    assert len(fleet.run_dry()) == 2
    context.engine.dispose()

    use_optuna()
    assert migrate.downgrade(url, "base") == "empty"
    storage = RDBStorage(url)
    assert len(load_study(storage=storage, study_name="theirs").trials) == 4
    assert storage.get_head_version() == storage.get_current_version()
    storage.engine.dispose()
    assert not tables() & set(Table.metadata.tables)


def test_the_check_command_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert migrate.main() == 0
    assert capsys.readouterr().out == "migrations and tables agree\n"
