"""`effscale datasets`: what can be trained on."""

from typing import Annotated

import typer

from service.cli.options import Json
from service.cli.output import emit, pairs, table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Registered data.")


@app.command("list")
def list_(json: Json = False) -> None:
    """All data sets."""
    from models.data.registry import DATASETS

    found = [DATASETS[name].document() for name in sorted(DATASETS)]
    if json:
        emit({"items": found, "next_cursor": None})
    else:
        table(("name", "classes", "pixels", "train", "validation", "test", "summary"), [_row(row) for row in found])


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name of 'effscale datasets list'.", show_default=False)
    ],
    json: Json = False,
) -> None:
    """One data set."""
    from models.data.registry import get_dataset

    document = get_dataset(name).document()
    emit(document) if json else pairs(document.items())


def _row(row: dict[str, str | int]) -> list[object]:
    return [row[name] for name in ("name", "classes", "native_px", "train", "validation", "test", "summary")]
