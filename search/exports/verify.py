"""Reading a scaling config back: every network in it is rebuilt from its coefficients and every number compared."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from models.errors import ModelError
from models.recipe.recipe import TrainingRecipe
from models.recipe.regularization import regularized
from models.scaling.architecture import Baseline, ScaledArchitecture
from models.scaling.baselines import from_table
from models.scaling.coefficients import Coefficients, DepthRounding, Multipliers
from models.scaling.cost import cost
from search.errors import InvalidExport, UnknownFormat
from search.exports.config import SCHEMA
from search.space.family import by_resolution
from search.space.solved_family import searched_family
from search.spec.spec import get_or_table

RATIO_ERROR = 1e-6  # ratios are written with six decimals


def from_export(text: str, form: str = "json") -> dict[str, Any]:
    """The scaling config in an export (json or yaml), checked.

    Raises `InvalidExport` with the place of the first number that the coefficients do not give.
    """
    config = _parsed(text, form)
    if not isinstance(config, dict) or config.get("schema") != SCHEMA:
        raise InvalidExport(f"this is no {SCHEMA} document")
    try:
        verify(config)
    except ModelError as error:
        raise InvalidExport(f"the scaling config describes no network: {error}") from None
    except (LookupError, TypeError, AttributeError, ArithmeticError, ValueError) as error:
        raise InvalidExport(f"the scaling config is not complete: {error!r}") from None
    return config


def verify(config: Mapping[str, Any]) -> None:
    """Compare every integer with what the coefficients give; `InvalidExport` names the first that differs."""
    spec, table = config["provenance"]["spec"], config["provenance"]["stage_table"]
    baseline = from_table(table)
    rounding: DepthRounding | None = spec["space"]["depth_rounding"]
    winner, coefficients = config["winner"], {**config["coefficients"]}
    product, classes = coefficients.pop("product"), winner["architecture"]["classes"]
    _same("/baseline", config["baseline"], spec["baseline"])
    _same("/provenance/stage_table", table, json.loads(json.dumps(get_or_table(spec["baseline"]).document())))
    for name, value in coefficients.items():
        _same(f"/winner/{name}", winner[name], value)
    _same("/coefficients/product", product, Coefficients(**coefficients).product)
    front = (config.get("front") or {}).get("trials", ())
    others = (("ties", config["ties"] or ()), ("front/trials", front))
    named = ((f"/{name}/{at}", trial) for name, found in others for at, trial in enumerate(found))
    for place, trial in [("/winner", winner), *named]:
        _trial(place, trial, baseline, spec)
    for name, ends in config["intervals"].items():
        for end in ends:
            edge = Coefficients(**{**coefficients, name: end}).multipliers(winner["phi"])
            same = baseline.scale(edge, classes=classes, rounding=rounding)
            _same(f"/intervals/{name}", same.key, winner["architecture"]["key"])
    network = baseline.scale(
        Coefficients(**coefficients).multipliers(winner["phi"]), classes=classes, rounding=rounding
    )
    solved = not config["family"] or "within" in config["family"][0]  # an older export has resolution alone follow
    rule = searched_family if solved else by_resolution
    rows = rule(baseline, Coefficients(**coefficients), network, spec)
    _same("/family", [row["name"] for row in config["family"]], [row["name"] for row in rows])
    for at, (row, expected) in enumerate(zip(config["family"], rows, strict=True)):
        _member(f"/family/{at}", row, expected, baseline, rounding)


def _trial(place: str, trial: Mapping[str, Any], baseline: Baseline, spec: Mapping[str, Any]) -> None:
    shape, recipe = trial["architecture"], TrainingRecipe.model_validate(spec["recipe"])
    at = Coefficients(trial["alpha"], trial["beta"], trial["gamma"]).multipliers(trial["phi"])
    network = baseline.scale(at, classes=shape["classes"], rounding=spec["space"]["depth_rounding"])
    network = regularized(network, recipe, trial["cost"]["macs_ratio"])
    _same(f"{place}/architecture/drop_path", shape["drop_path"], network.drop_path)
    for name, value in network.document().items():
        _same(f"{place}/architecture/{name}", shape[name], value)
    _costs(f"{place}/cost", trial["cost"], network, baseline)


def _member(
    place: str, row: Mapping[str, Any], expected: Mapping[str, Any], baseline: Baseline, rounding: DepthRounding | None
) -> None:
    """A row is what the search's rule gives, and its own multipliers build it."""
    for name, value in expected.items():
        _same(f"{place}/{name}", row[name], value)
    at = Multipliers(row["depth"], row["width"], row["resolution"] / baseline.resolution)
    shape = baseline.scale(at, rounding=rounding).document()
    for name in ("depths", "widths", "stem", "head", "resolution"):
        _same(f"{place}/{name}", row[name], shape[name])


def _costs(place: str, found: Mapping[str, Any], network: ScaledArchitecture, baseline: Baseline) -> None:
    real = cost(network)
    for name, value in real.document().items():
        _same(f"{place}/{name}", found[name], value)
    ratio = real.macs / cost(baseline.unscaled(network.classes)).macs
    if abs(found["macs_ratio"] - ratio) > RATIO_ERROR:
        raise InvalidExport(f"{place}/macs_ratio is {found['macs_ratio']!r}, but the network costs {ratio:.6f}")


def _same(place: str, found: object, expected: object) -> None:
    if found != expected:
        raise InvalidExport(f"{place} is {found!r}, but the coefficients give {expected!r}")


def _parsed(text: str, form: str) -> object:
    try:
        if form == "yaml":
            return yaml.safe_load(text)
        if form == "json":
            return json.loads(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidExport(f"this is no {form}: {error}") from None
    raise UnknownFormat(f"a scaling config is read from json or yaml, not {form!r}")
