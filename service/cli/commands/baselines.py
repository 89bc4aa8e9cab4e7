"""`effscale baselines`: the networks that can be scaled, and the check of a stage table of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.inputs.options import Json, Wide
from service.cli.presentation.failure import UsageFailure
from service.cli.presentation.output import emit, warn
from service.cli.presentation.table import Column, pairs, table

if TYPE_CHECKING:
    from models.scaling.architecture import Baseline

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Networks that can be scaled.")
COLUMNS = (
    Column("name"),
    Column("resolution", 3),
    Column("params"),
    Column("macs", 1),
    Column("receptive field", 5),
    Column("presets", 4),
    Column("summary", 2, wraps=True),
)
STAGE = (
    *(Column("stage"), Column("block"), Column("repeats"), Column("kernel", 1), Column("stride", 1)),
    *(Column("expansion", 1), Column("width"), Column("se_ratio", 2)),
)
MAX_TABLE_BYTES = 1_048_576  # as the service takes in a body


def baseline_of(text: str) -> "Baseline":
    """A built-in network by name, or the stage table in a JSON file."""
    from models.scaling.baselines import get_baseline

    return read(Path(text)) if text.endswith(".json") else get_baseline(text)


def read(path: Path) -> "Baseline":
    """The stage table in a file; `UsageFailure` says what is wrong with it, and where."""
    import json

    from models.errors import ModelError
    from models.scaling.baselines import from_table

    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise UsageFailure(f"{path} is larger than {MAX_TABLE_BYTES:,} bytes: that is no stage table")
        document: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageFailure(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageFailure(f"{path} is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageFailure(f"{path} must hold one JSON object, a stage table, not a {type(document).__name__}")
    try:
        return from_table(document)
    except ModelError as error:
        raise UsageFailure(f"{path}: {error}") from None


@app.command("list")
def list_(wide: Wide = False, json: Json = False) -> None:
    """All built-in networks."""
    from models.scaling.baselines import BASELINES
    from service.library.calculator import described

    rows = [described(BASELINES[name]) for name in sorted(BASELINES)]
    if json:
        emit({"items": rows, "next_cursor": None})
        return
    table(COLUMNS, [_row(row) for row in rows], wide=wide)


@app.command()
def show(
    baseline: Annotated[
        str,
        typer.Argument(metavar="BASELINE", help="A name of 'effscale baselines list', or a .json.", show_default=False),
    ],
    wide: Wide = False,
    json: Json = False,
) -> None:
    """One network: its stage table, its scaling rule and its cost."""
    _show(baseline_of(baseline), wide=wide, json=json)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A stage table as JSON.", show_default=False)],
    wide: Wide = False,
    json: Json = False,
) -> None:
    """Check a stage table of one's own: it can be built, and this is what it costs."""
    from service.library.calculator import by_multipliers

    baseline = read(file)
    _show(baseline, wide=wide, json=json)
    for warning in by_multipliers(baseline, 1.0, 1.0, baseline.resolution).warnings:
        warn(warning)


def _row(row: dict[str, Any]) -> list[object]:
    price, presets = row["cost"], row["presets"]
    names = f"{presets[0]['name']} to {presets[-1]['name']}" if presets else ""
    return [
        row["name"],
        row["resolution"],
        price["params"],
        price["macs"],
        price["receptive_field"],
        names,
        row["summary"],
    ]


def _show(baseline: "Baseline", *, wide: bool, json: bool) -> None:
    from service.library.calculator import described

    document = described(baseline)
    if json:
        emit(document)
        return
    stages, price, presets = document.pop("stages"), document.pop("cost"), document.pop("presets")
    pairs([*document.items(), *price.items()])
    print()
    names = [column.name for column in STAGE[1:]]
    table(STAGE, [[number, *(stage[name] for name in names)] for number, stage in enumerate(stages)], wide=wide)
    if presets:
        print()
        table([Column(name) for name in presets[0]], [list(preset.values()) for preset in presets], wide=wide)
