"""Options that make a training recipe: a preset, and fields one by one."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.recipe.presets import PresetName
from service.cli.presentation.failure import UsageFailure

if TYPE_CHECKING:
    from models.recipe.recipe import TrainingRecipe

Preset = Annotated[
    PresetName | None,
    typer.Option(help="A recipe by name; the options below change it.", show_default=False),
]
Change = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=JSON",
        help='A field of the recipe, such as mixup=0.2, optimizer=sgd or crop_area="[0.3, 1]". May be repeated.',
        show_default=False,
    ),
]


def recipe_of(preset: str | None, given: Mapping[str, Any], changes: Sequence[str]) -> "TrainingRecipe":
    """The recipe that these options describe. `UsageFailure` names the option that makes no sense."""
    from pydantic import ValidationError

    from models.recipe.recipe import TrainingRecipe

    options = {name: value for name, value in given.items() if value is not None}
    sets = dict(_assignment(text) for text in changes)
    if both := sorted(options.keys() & sets.keys()):
        raise UsageFailure(f"{both[0]} is given twice: by --{both[0].replace('_', '-')} and by --set")
    try:
        return TrainingRecipe.model_validate({**options, **sets, **({"preset": preset} if preset else {})})
    except ValidationError as error:
        raise UsageFailure("; ".join(_described(part, options) for part in error.errors())) from None


def _assignment(text: str) -> tuple[str, Any]:
    """NAME=JSON; what is no JSON is a word, so that optimizer=sgd needs no quotes."""
    from models.recipe.recipe import TrainingRecipe

    name, sign, value = text.partition("=")
    if not sign or name not in TrainingRecipe.model_fields:
        fields = ", ".join(TrainingRecipe.model_fields)
        raise UsageFailure(f"--set {text}: it must read NAME=JSON with one of these names: {fields}")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def _described(part: Any, options: Mapping[str, Any]) -> str:
    if not part["loc"]:
        return str(part["msg"]).removeprefix("Value error, ")
    name, *rest = (str(step) for step in part["loc"])
    option = f"--{name.replace('_', '-')}" if name in options else "--preset" if name == "preset" else f"--set {name}"
    return f"{'.'.join([option, *rest])}: {part['msg'].removeprefix('Value error, ')}"
