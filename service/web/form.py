"""The form for a new search, derived from the SearchSpec itself: limits, defaults and help cannot drift from it.

A field is named by its JSON pointer into the spec, so an error of the API finds the field it speaks of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from search.spec import SearchSpec

Schema = Mapping[str, Any]

# What the form leaves out, and why: objectives has one legal value.
OMITTED = ("/objectives",)
# Labels and units; the order is the order on the page. (pointer, label, unit)
BASICS = (
    ("/name", "Name", ""),
    ("/dataset", "Data set", ""),
    ("/baseline", "Baseline", ""),
    ("/target/metric", "Cost that counts", ""),
    ("/target/ratio", "Target cost", "× baseline"),
    ("/target/tolerance", "Tolerance", "relative"),
    ("/trials", "Trials", "networks"),
    ("/recipe/epochs", "Epochs", "per training"),
)
MORE = (
    (
        "Where to look",
        (
            ("/space/alpha", "α, depth", ""),
            ("/space/beta", "β, width", ""),
            ("/space/gamma", "γ, resolution", ""),
            ("/phi", "φ, compound step", ""),
            ("/space/resolution_multiple", "Resolution multiple", "px"),
            ("/space/depth_rounding", "Depth rounding", ""),
        ),
    ),
    (
        "How to look",
        (
            ("/sampler/name", "Sampler", ""),
            ("/sampler/startup_trials", "Random start", "trials"),
            ("/pruner/name", "Pruner", ""),
            ("/pruner/min_epochs", "No pruning before", "epochs"),
            ("/pruner/reduction_factor", "Reduction factor", ""),
            ("/finalists/count", "Finalists", "networks"),
            ("/finalists/seeds", "Seeds per finalist", "trainings"),
        ),
    ),
    (
        "Training recipe",
        (
            ("/recipe/batch_size", "Batch size", "images"),
            ("/recipe/optimizer", "Optimizer", ""),
            ("/recipe/learning_rate", "Learning rate", ""),
            ("/recipe/schedule", "Schedule", ""),
            ("/recipe/warmup_epochs", "Warm-up", "epochs"),
            ("/recipe/weight_decay", "Weight decay", ""),
            ("/recipe/label_smoothing", "Label smoothing", ""),
            ("/recipe/dropout", "Dropout", ""),
            ("/recipe/drop_path", "Stochastic depth", ""),
            ("/recipe/ema_decay", "Weight averaging", ""),
            ("/recipe/bn_momentum", "BatchNorm momentum", ""),
            ("/recipe/shift_px", "Random shift", "px"),
        ),
    ),
    (
        "Budget and order",
        (
            ("/parallelism", "Parallel trials", ""),
            ("/max_device_seconds", "Training time limit", "s"),
            ("/priority", "Priority", ""),
            ("/seed", "Seed", ""),
            ("/labels", "Labels", ""),
        ),
    ),
)
# Words for what the schema leaves to the contract.
HELP = {
    "/name": "Shown in lists; may be left empty.",
    "/baseline": "A network that the service knows, or a stage table of your own.",
    "/target/ratio": "Relative to the baseline at φ = 0; empty means 2^φ.",
    "/target/metric": "`macs` are multiply-adds of the network that is really built; `product` is the paper's α β² γ².",
    "/space/alpha": "Lowest and highest depth coefficient.",
    "/space/beta": "Lowest and highest width coefficient.",
    "/space/gamma": "Lowest and highest resolution coefficient.",
    "/sampler/name": "`tpe` learns from finished trials, `random` does not.",
    "/pruner/name": "`asha` keeps one in a few at each rung, `median` stops what is below the median.",
    "/seed": "The same seed proposes the same networks.",
    "/labels": "One `key=value` a line.",
}
# What an empty field means.
EMPTY = {
    "/target/ratio": "2^φ",
    "/max_device_seconds": "no limit",
    "/recipe/dropout": "baseline's",
    "/recipe/drop_path": "baseline's",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One control. `kind` is text, integer, number, choice, bounds, labels, dataset or baseline."""

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
    part, default = schema, defaults
    for name in pointer.split("/")[1:]:
        part = _resolve(schema, part["properties"][name])
        default = (default or {}).get(name)  # type: ignore[assignment]
    limits = part.get("items", part)
    return Field(
        pointer=pointer,
        label=label,
        unit=unit,
        kind=_kind(pointer, part),
        default=default,
        choices=tuple(part.get("enum", ())),
        minimum=1.0 if part.get("type") == "array" else limits.get("minimum"),
        maximum=limits.get("maximum"),
        help=HELP.get(pointer) or str(part.get("description", "")),
        placeholder=EMPTY.get(pointer, ""),
        required=pointer.strip("/") in schema["required"],
    )


def _kind(pointer: str, part: Schema) -> str:
    if pointer in ("/dataset", "/baseline", "/labels"):
        return pointer[1:]
    if "enum" in part:
        return "choice"
    return {"array": "bounds", "integer": "integer", "number": "number"}.get(part.get("type", ""), "text")


def _resolve(schema: Schema, part: Schema) -> Schema:
    """Follow a reference, and of `X | null` take X; a description beside them is kept."""
    kept = {key: part[key] for key in ("description",) if key in part}
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
