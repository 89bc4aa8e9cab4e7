"""Runs migrations on the connection that `service.store.migrate` hands in. The version table is our own."""

from alembic import context

from service.store.revision import VERSION_TABLE
from service.store.tables import PREFIX, Table


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave tables of others alone: Optuna's may be in the same database."""
    return kind != "table" or str(name).startswith(PREFIX)


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    version_table=VERSION_TABLE,
    include_name=include_name,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
context.run_migrations()
