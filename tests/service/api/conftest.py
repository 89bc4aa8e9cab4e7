"""A service over HTTP on SQLite: for this machine only, or for others with API keys."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.context import ServiceContext, build_context
from service.api.keys import Scope, create_key
from service.settings import Settings
from tests.conftest import Clock, hurry

LOOPBACK = "http://127.0.0.1"
PUBLIC = "http://example.test"


@pytest.fixture
def database_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A migrated SQLite file without rows."""
    shutil.copy(migrated_sqlite, tmp_path / "effscale.db")
    return f"sqlite:///{tmp_path / 'effscale.db'}"


@pytest.fixture
def client(context: ServiceContext) -> Iterator[TestClient]:
    """A service that listens on loopback."""
    with TestClient(create_app(context), base_url=LOOPBACK) as opened:
        yield opened


@pytest.fixture
def public_context(tmp_path: Path, database_url: str, clock: Clock) -> Iterator[ServiceContext]:
    """A context whose service others can reach."""
    built = build_context(Settings(host="0.0.0.0", data_dir=tmp_path, database_url=database_url), clock)
    hurry(built.engine)
    yield built
    built.engine.dispose()


@pytest.fixture
def public(public_context: ServiceContext) -> Iterator[TestClient]:
    """A service that others can reach, and so wants keys."""
    with TestClient(create_app(public_context), base_url=PUBLIC) as opened:
        yield opened


def headers(
    context: ServiceContext, scopes: Sequence[Scope], *, owner: str = "ann", expires_at: float | None = None
) -> dict[str, str]:
    """The Authorization header with a new key."""
    with context.write() as (session, now):
        _, text = create_key(session, owner=owner, name="test", scopes=scopes, expires_at=expires_at, now=now)
    return {"Authorization": f"Bearer {text}"}
