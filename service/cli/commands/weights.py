"""`effscale weights`: files that a search may start from, straight in a data directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.inputs.options import DataDir, Json, Wide, settings
from service.cli.presentation.output import emit, moment
from service.cli.presentation.table import Column, pairs, table

if TYPE_CHECKING:
    from service.library.weights import Weights

COLUMNS = (
    *(Column("name"), Column("arrays", 4), Column("parameters", 1), Column("size", 2), Column("source", 5, wraps=True)),
    *(Column("added_at", 3, moment), Column("sha256", 6)),
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of 'effscale weights list'.", show_default=False)]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Weights to start from.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What searches call it.", show_default=False)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A safetensors file; it is copied.", show_default=False)],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Register a file; a search starts from it with "start": {"weights": NAME}. Workers elsewhere need it too."""
    with _weights(data_dir) as weights:
        info = weights.add(name, file)
    emit(info.document()) if json else print(f"{info.name}: {info.parameters:,} numbers in {info.arrays} arrays")


@app.command("list")
def list_(data_dir: DataDir = None, wide: Wide = False, json: Json = False) -> None:
    """All registered files."""
    with _weights(data_dir) as weights:
        found = [info.document() for info in weights.list()]
    if json:
        emit({"items": found, "next_cursor": None})
    else:
        table(COLUMNS, [[row[column.name] for column in COLUMNS] for row in found], wide=wide)


@app.command()
def show(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """One registered file."""
    with _weights(data_dir) as weights:
        document = weights.get(name).document()
    emit(document) if json else pairs(document.items())


@app.command()
def remove(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Forget a name and delete its copy. A search that starts from it cannot go on."""
    with _weights(data_dir) as weights:
        document = weights.remove(name).document()
    emit(document) if json else print(f"weights {name} are removed")


@contextmanager
def _weights(data_dir: str | None) -> Iterator["Weights"]:
    from service.cli.presentation.failure import UsageFailure
    from service.errors import ServiceError
    from service.library.weights import weights_of

    try:
        yield weights_of(settings(data_dir=data_dir).data_dir)
    except ServiceError as error:
        raise UsageFailure(str(error)) from None
