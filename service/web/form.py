"""The form for a new search, derived from the SearchSpec itself: limits, defaults and help cannot drift from it.

A field is named by its JSON pointer into the spec, so an error of the API finds the field it speaks of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from models.recipe.presets import PRESETS
from models.recipe.recipe import TrainingRecipe
from models.scaling.coefficients import MAX_MULTIPLIER
from search.spec.spec import SearchSpec
from service.web.form_fields import BASICS, EMPTY, HELP, MORE

Schema = Mapping[str, Any]
KINDS = {"array": "bounds", "integer": "integer", "number": "number", "boolean": "boolean"}  # by JSON type


@dataclass(frozen=True, slots=True)
class Field:
    """One control.

    `kind` is text, integer, number, boolean, choice, bounds, labels, limits, lines, dataset, baseline, weights, preset,
    objectives, rate (a number or a rule as JSON), weights-by-class (`balanced` or a list as JSON) or controls (`all`,
    `none` or names). One that `is_optional` may be left empty, for what `placeholder` says.
    """

    pointer: str
    label: str
    unit: str
    kind: str
    default: Any
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    help: str
    placeholder: str
    required: bool
    is_optional: bool

    @property
    def id(self) -> str:
        """An HTML id."""
        return "f" + self.pointer.replace("/", "-")


@lru_cache(maxsize=1)
def groups() -> tuple[tuple[str, tuple[Field, ...]], ...]:
    """(title, fields) of the page, the basics first."""
    schema = SearchSpec.model_json_schema()
    defaults = _defaults(SearchSpec)
    return tuple(
        (title, tuple(_field(schema, defaults, *row) for row in rows)) for title, rows in (("Search", BASICS), *MORE)
    )


@lru_cache(maxsize=1)
def presets() -> dict[str, dict[str, Any]]:
    """The whole recipe of each preset, as JSON."""
    return {name: TrainingRecipe.model_validate({"preset": name}).model_dump(mode="json") for name in PRESETS}


def pointers(schema: Schema, at: Schema | None = None, prefix: str = "") -> list[str]:
    """The JSON pointers of all leaves of a spec's schema. Lists and open objects are leaves."""
    found: list[str] = []
    for name, part in (schema if at is None else at)["properties"].items():
        resolved = _resolve(schema, part)
        if "properties" in resolved:
            found += pointers(schema, resolved, f"{prefix}/{name}")
        else:
            found.append(f"{prefix}/{name}")
    return found


def _field(schema: Schema, defaults: Mapping[str, Any], pointer: str, label: str, unit: str) -> Field:
    part, is_optional = schema, False
    default: Any = defaults
    for name in pointer.split("/")[1:]:
        given = part["properties"][name]
        is_optional = any(option.get("type") == "null" for option in given.get("anyOf", ()))
        part = _resolve(schema, given)
        default = part.get("default") if default is None else default.get(name)
    limits, kind = part.get("items", part), _kind(pointer, part)
    return Field(
        pointer=pointer,
        label=label,
        unit=unit,
        kind=kind,
        default=_shown(kind, default),
        choices=tuple(part.get("enum", ())),
        minimum=limits.get("minimum", 1 / MAX_MULTIPLIER if kind == "bounds" else limits.get("exclusiveMinimum")),
        maximum=limits.get("maximum"),
        help=HELP.get(pointer) or str(part.get("description", "")),
        placeholder=EMPTY.get(pointer, ""),
        required=pointer.strip("/") in schema["required"],
        is_optional=is_optional,
    )


def _shown(kind: str, default: Any) -> Any:
    """A default as its control shows it; the bounds of a space follow from the target."""
    if kind == "bounds":
        return [None, None]
    return "all" if kind == "controls" else default


def _kind(pointer: str, part: Schema) -> str:
    if pointer in ("/dataset", "/baseline", "/labels", "/start/weights", "/recipe/preset", "/objectives"):
        return pointer.rpartition("/")[2]
    if pointer in ("/recipe/dropout", "/recipe/drop_path"):
        return "rate"
    if pointer == "/recipe/class_weights":
        return "weights-by-class"
    if pointer == "/controls":
        return "controls"
    if pointer == "/limits":
        return "limits"
    if pointer == "/warm_start/searches":
        return "lines"
    if "enum" in part:
        return "choice"
    return KINDS.get(part.get("type", ""), "text")


def _resolve(schema: Schema, part: Schema) -> Schema:
    """Follow a reference, and of `X | null` take X; a description beside them is kept."""
    kept = {key: part[key] for key in ("description", "default") if key in part}
    for option in part.get("anyOf", ()):
        if option.get("type") != "null":
            return {**_resolve(schema, option), **kept}
    if "$ref" in part:
        return {**schema["$defs"][part["$ref"].rsplit("/", 1)[1]], **kept}
    return part


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Every default of a document, nested ones as documents."""
    values = {
        name: None if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
    }
    return {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in values.items()}
