"""`effscale config show` and `effscale version`."""

import platform
from typing import Any

import typer

from service.cli.inputs.options import Json, Wide, settings
from service.cli.presentation.output import emit, plain
from service.cli.presentation.table import Column, pairs, table

COLUMNS = (
    Column("variable"),
    Column("value", form=lambda value: plain(value) or "-", wraps=True),
    Column("description", 1, wraps=True),
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Settings.")


@app.command()
def show(wide: Wide = False, json: Json = False) -> None:
    """Every setting, the variable it is read from, and its value; secrets are hidden."""
    from pydantic import SecretStr

    chosen = settings()
    rows: list[dict[str, Any]] = []
    for name, field in type(chosen).model_fields.items():
        value = getattr(chosen, name)
        is_secret = isinstance(value, SecretStr)
        plain = "********" if is_secret else hidden_password(str(value)) if name.endswith("_url") and value else value
        shown = plain if isinstance(plain, bool | int | float | str | None) else str(plain)
        rows.append({"variable": f"EFFSCALE_{name.upper()}", "value": shown, "description": field.description or ""})
    if json:
        emit({"settings": rows})
    else:
        table(COLUMNS, [list(row.values()) for row in rows], wide=wide)


def version(json: Json = False) -> None:
    """Versions of effscale and of what its results depend on."""
    from service.version import versions

    found = {**versions(), "python": platform.python_version()}
    emit(found) if json else pairs(found.items())


def hidden_password(url: str) -> str:
    """A database URL that may be shown.

    >>> hidden_password("postgresql://me:secret@db/effscale")
    'postgresql://me:********@db/effscale'
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:********@{host}").geturl()
