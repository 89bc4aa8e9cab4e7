"""Engines for SQLite and PostgreSQL that behave alike: a transaction that writes is serialised and durable."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import ORMExecuteState, Session

from service.errors import DatabaseUnavailable, Unstorable

BUSY_SECONDS = 30.0  # how long a SQLite writer waits for another
POOL_SIZE = 16  # connections; FastAPI runs at most 40 requests in threads, few of them in SQL at once


def open_engine(url: str) -> Engine:
    """An engine for a database URL; it connects on first use."""
    if url.startswith("sqlite"):
        arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        engine = create_engine(url, connect_args=arguments, pool_size=POOL_SIZE)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, pool_size=POOL_SIZE, max_overflow=POOL_SIZE, pool_pre_ping=True, pool_timeout=10)


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction that may write: all of it is committed, durably, or none. SQLite lets one in at a time."""
    with _translated(), Session(engine, expire_on_commit=False) as session, session.begin():
        _keep_rows(session)
        yield session


def _keep_rows(session: Session) -> None:
    """Hold the rows of a session until it ends. It holds them weakly: what nobody refers to is read again."""
    kept: set[object] = set()

    def keep(_session: Session, row: object) -> None:
        kept.add(row)

    event.listen(session, "pending_to_persistent", keep)
    event.listen(session, "loaded_as_persistent", keep)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One transaction that only reads: a consistent view that blocks no writer."""
    reader = engine.execution_options(effscale_reads=True)
    with _translated(), Session(reader, expire_on_commit=False) as session, session.begin():
        yield session


def watch(session: Session) -> Callable[[], bool]:
    """A function that tells whether this session has written a row so far."""
    writes: list[str] = []

    def flushed(_session: Session, _context: object) -> None:
        writes.append("flush")

    def executed(state: ORMExecuteState) -> None:
        if state.is_insert or state.is_update or state.is_delete:
            writes.append("statement")

    event.listen(session, "after_flush", flushed)
    event.listen(session, "do_orm_execute", executed)
    return lambda: bool(writes)


def database_time(session: Session) -> float:
    """Seconds since 1970: PostgreSQL's own clock, or for SQLite that of the single process that writes it."""
    if session.get_bind().dialect.name == "sqlite":
        return time.time()
    return float(session.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable from error
    except DataError as error:  # PostgreSQL takes no NUL in a text, for one
        raise Unstorable from error
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error, OperationalError):
            message = f"the database does not answer; nothing was changed ({_first_line(error)})"
            raise DatabaseUnavailable(message) from error
        raise


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0][:200] if str(error.orig).strip() else type(error.orig).__name__


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's events begin transactions, not the driver
    _use_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two that open a new file at once collide here, and SQLite does not wait by itself for this one change."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("effscale_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
