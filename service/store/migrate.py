"""Brings a database to this version's tables, and tells when it is not there.

`python -m service.store.migrate check` fails when the migrations do not end in exactly the tables of `tables`.
"""

import logging
import sys
import tempfile
import warnings
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from service.errors import SchemaMismatch
from service.store.database import open_engine, reading, transaction
from service.store.revision import REVISIONS, VERSION_TABLE, current
from service.store.tables import PREFIX, Table


def script_location() -> Path:
    """The migrations: beside the package `service` in a checkout, inside it in an installed wheel."""
    here = Path(__file__).parents[1]
    checkout = here.parent / "alembic"
    return checkout if (checkout / "env.py").is_file() else here / "_alembic"


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file; `env.py` takes the connection from it."""
    config = Config()
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, revision: str = "head") -> str:
    """Bring the database of this URL to a migration, all or nothing; answers the one that it is at now.

    Two processes that migrate at once take turns. A newer database than this code is a `SchemaMismatch`.
    """
    return _run(url, "upgrade", revision)


def downgrade(url: str, revision: str) -> str:
    """Take the database of this URL back to an older migration (`base`: no tables)."""
    return _run(url, "downgrade", revision)


def differences(engine: Engine) -> list[object]:
    """What a database and `service.store.tables` do not agree on; nothing when the migrations are complete."""
    with reading(engine) as session:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_name": lambda name, kind, _parents: kind != "table" or str(name).startswith(PREFIX),
        }
        context = MigrationContext.configure(session.connection(), opts=options)
        with warnings.catch_warnings():  # SQLite tells nothing of an index on an expression: a test looks at its use
            warnings.filterwarnings("ignore", "(?s).*expression-based index")
            return list(compare_metadata(context, Table.metadata))


def _run(url: str, direction: str, revision: str) -> str:
    engine = open_engine(url)
    try:
        _migrate(engine, direction, revision)
        return current(engine) or "empty"
    finally:
        engine.dispose()


def _migrate(engine: Engine, direction: str, revision: str) -> None:
    with transaction(engine) as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305808869180267363)")  # 'effscale' in ASCII
        try:
            getattr(command, direction)(configuration(connection), revision)
        except CommandError as error:
            raise SchemaMismatch(f"{error}: the database was written by a newer effscale; upgrade effscale") from None


def main() -> int:
    """Check that the migrations, from nothing, give exactly the tables."""
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/check.db"
        upgrade(url)
        engine = open_engine(url)
        found = differences(engine)
        engine.dispose()
    revisions = [script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()]
    if revisions[::-1] != list(REVISIONS):
        found.append(f"service.store.revision names {REVISIONS}, alembic/versions holds {revisions[::-1]}")
    for difference in found:
        print(difference, file=sys.stderr)
    print("migrations and tables differ" if found else "migrations and tables agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
