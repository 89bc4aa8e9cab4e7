"""/v1/baselines, /v1/scale, /v1/family: what can be searched, and the calculator."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from models.scaling.baselines import BASELINES, get_baseline
from models.scaling.coefficients import Coefficients, DepthRounding
from service.api.responses import resources
from service.api.routes.dependencies import Reader
from service.errors import BadQuery
from service.library.calculator import by_coefficients, by_multipliers, by_preset, described
from service.library.families import FamilyRule, family_document

router = APIRouter(prefix="/v1", tags=["what there is"])
MAX_RESOLUTION = 1_000_000  # pixels; the multiplier's own limit is far below
Number = Annotated[float | None, Query(allow_inf_nan=False)]
Coefficient = Annotated[float, Query(allow_inf_nan=False)]


@router.get("/baselines")
def baselines(_caller: Reader) -> JSONResponse:
    """The networks that can be scaled, with their stage tables and costs."""
    return JSONResponse({"items": [described(BASELINES[name]) for name in sorted(BASELINES)], "next_cursor": None})


@router.get("/baselines/{name}")
def baseline(name: str, _caller: Reader) -> JSONResponse:
    """One network that can be scaled."""
    return JSONResponse(described(get_baseline(name)))


@router.get("/scale", responses={200: {"model": resources.ScaleOut}})
def scale(
    _caller: Reader,
    baseline: Annotated[str, Query(max_length=200)],
    alpha: Number = None,
    beta: Number = None,
    gamma: Number = None,
    phi: Number = None,
    depth: Number = None,
    width: Number = None,
    resolution: Annotated[int | None, Query(ge=1, le=MAX_RESOLUTION, description="Pixels.")] = None,
    classes: Annotated[int | None, Query(ge=1, le=100_000)] = None,
    preset: Annotated[str | None, Query(max_length=20, description="A published member of the family.")] = None,
    depth_rounding: DepthRounding | None = None,
) -> JSONResponse:
    """The network that coefficients, or multipliers and a resolution in pixels, really give, and what it costs."""
    network = get_baseline(baseline)
    match (alpha, beta, gamma, phi), (depth, width, resolution), preset:
        case (float(), float(), float(), float()) as chosen, (None, None, None), None:
            scaled = by_coefficients(
                network, Coefficients(*chosen[:3]), chosen[3], classes=classes, rounding=depth_rounding
            )
        case (None, None, None, None), (float() as deep, float() as wide, int() as pixels), None:
            scaled = by_multipliers(network, deep, wide, pixels, classes=classes, rounding=depth_rounding)
        case (None, None, None, None), (None, None, None), str():
            scaled = by_preset(network, preset, classes=classes)
        case _:
            raise BadQuery("give alpha, beta, gamma and phi, or depth, width and resolution (in pixels), or preset")
    return JSONResponse(scaled.document())


@router.get("/family", responses={200: {"model": resources.FamilyOut}})
def family(
    _caller: Reader,
    baseline: Annotated[str, Query(max_length=200)],
    alpha: Coefficient,
    beta: Coefficient,
    gamma: Coefficient,
    phi: Annotated[str, Query(max_length=20, description="A whole compound step, or a range such as -2..4.")] = "0..7",
    rule: Annotated[FamilyRule, Query(alias="as", description="By the published rounding, or by real cost.")] = (
        "published"
    ),
    ratio: Annotated[
        float | None,
        Query(allow_inf_nan=False, description="solved: what a step multiplies the real MACs by; else the product."),
    ] = None,
    classes: Annotated[int | None, Query(ge=1, le=100_000)] = None,
    depth_rounding: DepthRounding | None = None,
) -> JSONResponse:
    """The family of a coefficient triple: each member's network, its real cost, and solved its distance from the ray.

    `published` rounds depth, width and resolution by themselves. `solved` takes, of the networks whose real
    multiply-adds are within 5 % of ratio^phi times the baseline's, the one nearest to the ray of the coefficients.
    """
    found = family_document(
        get_baseline(baseline),
        Coefficients(alpha, beta, gamma),
        phi,
        rule,
        ratio=ratio,
        classes=classes,
        rounding=depth_rounding,
    )
    return JSONResponse(found)
