"""Which migration a database is at, without importing Alembic: the API must start fast, and only asks."""

from sqlalchemy import Engine, inspect, text

from service.errors import SchemaMismatch
from service.store.database import reading
from service.store.tables import PREFIX

VERSION_TABLE = f"{PREFIX}alembic_version"  # Optuna's own 'alembic_version' may be in the same database
# All migrations, oldest first; a test holds this against alembic/versions
REVISIONS = ("0001", "0002", "0003", "0004", "0005")


def current(engine: Engine) -> str | None:
    """The migration that the database is at; None for an empty one."""
    with reading(engine) as session:
        if not inspect(session.connection()).has_table(VERSION_TABLE):
            return None
        return session.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608


def check_current(engine: Engine) -> None:
    """`SchemaMismatch` unless the database is at the newest migration."""
    found, expected = current(engine), REVISIONS[-1]
    if found == expected:
        return
    if found is None:
        raise SchemaMismatch("the database has no effscale tables yet; run 'effscale migrate'")
    if found in REVISIONS:
        raise SchemaMismatch(f"the database is at migration {found}, older than {expected}; run 'effscale migrate'")
    raise SchemaMismatch(
        f"the database is at migration {found}, which this version of effscale does not know: it was written by a "
        "newer one; upgrade effscale"
    )
