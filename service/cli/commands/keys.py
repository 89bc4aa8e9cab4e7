"""`effscale keys`: API keys, straight in the database of the service."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.inputs.options import DatabaseUrl, DataDir, Json, Wide, settings
from service.cli.presentation.output import emit, moment
from service.cli.presentation.table import Column, pairs, table

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.api.keys import Scope

DAY_SECONDS = 86_400.0
COLUMNS = (
    *(Column("id"), Column("name", wraps=True), Column("owner", 2), Column("scopes", 1, wraps=True)),
    *(Column("created_at", 4, moment), Column("expires_at", 3, moment), Column("revoked_at", 2, moment)),
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="API keys.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.", show_default=False)],
    owner: Annotated[str, typer.Option(help="Whose searches the key sees.")] = "local",
    scopes: Annotated[
        str, typer.Option(metavar="SCOPE,…", help="What it may do: read, submit, worker, admin.")
    ] = "read,submit",
    days: Annotated[
        float | None, typer.Option(min=0.001, max=36_500, help="Days until it ends [never].", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Make a key. Its text is shown once and stored nowhere."""
    from service.api import documents, keys

    expires_at = None if days is None else time.time() + days * DAY_SECONDS
    with _session(data_dir, database_url) as (session, now):
        row, secret = keys.create_key(
            session, owner=owner, name=name, scopes=_scopes(scopes), expires_at=expires_at, now=now
        )
        document = documents.api_key(row)
    if json:
        emit({**document, "key": secret})
    else:
        pairs([("id", document["id"]), ("scopes", document["scopes"]), ("expires", document["expires_at"])])
        print(secret)


@app.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None, wide: Wide = False, json: Json = False) -> None:
    """All keys, without their secrets."""
    from service.api import documents, keys

    with _session(data_dir, database_url) as (session, _now):
        found: list[dict[str, Any]] = [documents.api_key(row) for row in keys.list_keys(session)]
    if json:
        emit({"items": found, "next_cursor": None})
        return
    table(COLUMNS, [[row[column.name] for column in COLUMNS] for row in found], wide=wide)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY_ID", help="An id of 'effscale keys list'.", show_default=False)],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """End a key now."""
    from service.api import documents, keys
    from service.cli.presentation.failure import UsageFailure
    from service.errors import NotFound

    try:
        with _session(data_dir, database_url) as (session, now):
            document = documents.api_key(keys.revoke_key(session, key, now))
    except NotFound as error:
        raise UsageFailure(str(error)) from None
    emit(document) if json else print(f"key {key} is revoked")


def _scopes(text: str) -> list["Scope"]:
    from service.api.keys import SCOPES
    from service.cli.presentation.failure import UsageFailure

    asked = [word.strip() for word in text.split(",")]
    if unknown := [word for word in asked if word not in SCOPES]:
        raise UsageFailure(f"--scopes: there is no scope {unknown[0]!r}; there are: {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in asked]


@contextmanager
def _session(data_dir: str | None, database_url: str | None) -> Iterator[tuple["Session", float]]:
    """A transaction on the service's database, migrated first: keys are made before the service is started."""
    from service.api.context import build_context
    from service.api.server import prepare_data_dir
    from service.cli.commands.serve import start_failures
    from service.store.migrate import upgrade

    chosen = settings(data_dir=data_dir, database_url=database_url)
    with start_failures():
        if chosen.database_url is None:
            prepare_data_dir(chosen)
        upgrade(chosen.url)
    context = build_context(chosen)
    try:
        with context.write() as (session, now):
            yield session, now
    finally:
        context.engine.dispose()
