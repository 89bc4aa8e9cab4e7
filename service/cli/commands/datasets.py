"""`effscale datasets`: what can be trained on, and registering more."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.cli.inputs.options import DataDir, Json, Wide, settings
from service.cli.presentation.output import emit, warn
from service.cli.presentation.table import Column, pairs, table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Registered data.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of 'effscale datasets list'.", show_default=False)]
COLUMNS = (
    *(Column("name"), Column("classes"), Column("pixels", 1), Column("train", 1), Column("validation", 3)),
    *(Column("test", 3), Column("summary", 2, wraps=True)),
)
FIELDS = ("name", "classes", "native_px", "train", "validation", "test", "summary")  # of COLUMNS
PROBLEMS = (Column("problem"), Column("images"), Column("policy"), Column("for example", 1, wraps=True))
LINES_EVERY = 10  # percent: progress where there is no screen


@app.command("list")
def list_(data_dir: DataDir = None, wide: Wide = False, json: Json = False) -> None:
    """All data sets, built in and registered."""
    found = [info.document() for info in _registry(data_dir).all()]
    if json:
        emit({"items": found, "next_cursor": None})
    else:
        table(COLUMNS, [[row[name] for name in FIELDS] for row in found], wide=wide)


@app.command()
def show(name: Name, data_dir: DataDir = None, wide: Wide = False, json: Json = False) -> None:
    """One data set: its classes, statistics, and what was wrong with its images."""
    document = _registry(data_dir).details(name)
    emit(document) if json else _show(document, wide=wide)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.", show_default=False)],
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A folder of PATH/CLASS/IMAGE or PATH/train/CLASS/IMAGE, an .npz file, or Parquet.",
            show_default=False,
        ),
    ],
    px: Annotated[
        int | None,
        typer.Option(help="Height and width of the cache [what the images have, at most 256].", show_default=False),
    ] = None,
    fit: Annotated[
        Literal["crop", "pad", "stretch"],
        typer.Option(help="How an image becomes square: the centre, black borders, or another shape."),
    ] = "crop",
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=keep|skip|refuse",
            help="What to do about images that are corrupt, truncated, huge, non-rgb, animated, misnamed, duplicate, "
            "conflicting, or a leakage between splits, and about classes without images (empty-class); repeatable.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """Decode images once, check them, and register them. Interrupted, the same command continues."""
    from models.data.problems import policies
    from models.data.registration import RegistrationRequest, add
    from service.library.datasets import datasets_dir

    request = RegistrationRequest(name, path, policies(on or ()), px, fit)
    with progress() as show:
        document = add(datasets_dir(settings(data_dir=data_dir).data_dir), request, show, warn)
    if json:
        emit(document)
        return
    _show(document, wide=wide)
    for problem in document["problems"]:
        warn(f"{problem['count']:,} {problem['kind']} ({problem['policy']}): {problem['meaning']}")


@app.command()
def remove(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Delete a registered data set, or what an interrupted 'add' left of it. The source is not touched."""
    from models.data.registration import remove
    from service.library.datasets import datasets_dir

    remove(datasets_dir(settings(data_dir=data_dir).data_dir), name)
    emit({"name": name, "deleted": True}) if json else print(f"removed {name}")


@contextmanager
def progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """A function that draws how far a registration is; lines where there is no screen."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    printed: dict[str, int] = {}
    with Progress(*columns, console=screen, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading", total=None)

        def draw(stage: str, done: int, total: int | None) -> None:
            bar.update(task, description=stage, completed=done, total=total)
            part = done * 100 // total // LINES_EVERY if total else 0
            if not screen.is_terminal and total and printed.get(stage) != part:
                printed[stage] = part
                print(f"{stage}: {done:,} of {total:,}", file=sys.stderr, flush=True)

        yield draw


def _registry(data_dir: str | None) -> Any:
    from service.library.datasets import registry_of

    return registry_of(settings(data_dir=data_dir).data_dir)


def _show(document: dict[str, Any], *, wide: bool) -> None:
    plain = ("name", "summary", "source", "classes", "native_px", "source_px", "fit", "train", "validation", "test")
    measured = [(name, [f"{value:.2f}" for value in document[name]]) for name in ("mean", "deviation")]
    printed: list[tuple[str, object]] = [(name.replace("_", " "), document[name]) for name in plain if name in document]
    pairs([*printed, *measured, ("content hash", document["content_hash"])])
    counts = document["per_class"]
    rows = [[name, *(counts[split][i] for split in counts)] for i, name in enumerate(document["class_names"])]
    print()
    table([Column(name) for name in ("class", *counts)], rows, wide=wide)
    if document["problems"]:
        found = document["problems"]
        print()
        table(PROBLEMS, [[*_problem(problem)] for problem in found], wide=wide)


def _problem(problem: dict[str, Any]) -> Iterator[object]:
    yield from (problem["kind"], problem["count"], problem["policy"])
    first = problem["examples"][0]
    yield f"{first['name']}: {first['detail']}"
