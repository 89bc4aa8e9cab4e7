"""`effscale scale` and `effscale family`: the calculator. No service, no JAX."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.failure import UsageFailure
from service.cli.options import Json
from service.cli.output import emit, pairs, table, warn

if TYPE_CHECKING:
    from service.calculator import Scaled

MAX_FAMILY = 32  # rows; B0 to B7 are 8, and no multiplier within the limit needs more

FAMILY = (
    *("name", "depth", "width", "resolution", "dropout", "params", "macs", "macs_ratio", "nominal_ratio"),
    *("depths", "closest_official"),
)

BaselineName = Annotated[
    str, typer.Argument(metavar="BASELINE", help="A built-in network, such as efficientnet-b0.", show_default=False)
]
Classes = Annotated[
    int | None,
    typer.Option(
        min=1, max=100_000, help="Classes of the classifier; default: the baseline's own.", show_default=False
    ),
]
Rounding = Annotated[
    Literal["ceil", "round"], typer.Option("--depth-rounding", help="ceil as EfficientNet, round as TinyNet.")
]


def scale(
    baseline: BaselineName,
    alpha: Annotated[float | None, typer.Option(help="Depth coefficient, at least 1.", show_default=False)] = None,
    beta: Annotated[float | None, typer.Option(help="Width coefficient, at least 1.", show_default=False)] = None,
    gamma: Annotated[float | None, typer.Option(help="Resolution coefficient, at least 1.", show_default=False)] = None,
    phi: Annotated[float | None, typer.Option(help="Compound step, at least 0.", show_default=False)] = None,
    depth: Annotated[float | None, typer.Option(help="Depth multiplier.", show_default=False)] = None,
    width: Annotated[float | None, typer.Option(help="Width multiplier.", show_default=False)] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Input height and width in pixels.", show_default=False)
    ] = None,
    classes: Classes = None,
    depth_rounding: Rounding = "ceil",
    json: Json = False,
) -> None:
    """What a scaled network really is after rounding, and what it costs.

    Give either --alpha --beta --gamma --phi, or --depth --width --resolution.
    """
    from models.baselines import get_baseline
    from models.scaling import Coefficients
    from service.calculator import by_coefficients, by_multipliers

    compound = {"--alpha": alpha, "--beta": beta, "--gamma": gamma, "--phi": phi}
    direct = {"--depth": depth, "--width": width, "--resolution": resolution}
    network = get_baseline(baseline)
    if _complete(compound, direct):
        *triple, step = _numbers(compound)
        coefficients = Coefficients(*triple)
        scaled = by_coefficients(network, coefficients, step, classes=classes, rounding=depth_rounding)
    else:
        deep, wide, pixels = _numbers(direct)
        scaled = by_multipliers(network, deep, wide, int(pixels), classes=classes, rounding=depth_rounding)
    if json:
        emit(scaled.document())
    else:
        _print(scaled)
    if scaled.warning:
        warn(scaled.warning)


def family(
    baseline: BaselineName,
    alpha: Annotated[float, typer.Option(help="Depth coefficient, at least 1.", show_default=False)],
    beta: Annotated[float, typer.Option(help="Width coefficient, at least 1.", show_default=False)],
    gamma: Annotated[float, typer.Option(help="Resolution coefficient, at least 1.", show_default=False)],
    phi: Annotated[str, typer.Option(metavar="LOW..HIGH", help="Whole compound steps.")] = "0..7",
    classes: Classes = None,
    depth_rounding: Rounding = "ceil",
    json: Json = False,
) -> None:
    """The family B0, B1, … of one coefficient triple, with real costs beside the nominal ones."""
    from models.baselines import get_baseline
    from models.scaling import Coefficients
    from search.family import family as family_of

    network, coefficients = get_baseline(baseline), Coefficients(alpha, beta, gamma)
    rows = family_of(network, coefficients, _steps(phi), classes=classes, rounding=depth_rounding)
    if json:
        triple = {"alpha": alpha, "beta": beta, "gamma": gamma, "product": coefficients.product}
        emit({"baseline": network.name, "coefficients": triple, "family": rows})
    else:
        table(FAMILY, [[row[name] for name in FAMILY] for row in rows])


def _complete(compound: dict[str, float | None], direct: dict[str, float | None]) -> bool:
    """True for the compound group, False for the direct one; anything mixed or missing is bad usage."""
    given = {
        name: [key for key, value in group.items() if value is not None]
        for name, group in (("compound", compound), ("direct", direct))
    }
    if given["compound"] and given["direct"]:
        raise UsageFailure(
            f"{given['compound'][0]} and {given['direct'][0]} cannot be mixed: give either {' '.join(compound)}, "
            f"or {' '.join(direct)}"
        )
    if not given["compound"] and not given["direct"]:
        raise UsageFailure(f"how far? Give either {' '.join(compound)}, or {' '.join(direct)}")
    group = compound if given["compound"] else direct
    if missing := [key for key, value in group.items() if value is None]:
        raise UsageFailure(f"{' and '.join(missing)} missing: {' '.join(group)} belong together")
    return group is compound


def _numbers(group: dict[str, float | None]) -> list[float]:
    return [value for value in group.values() if value is not None]


def _steps(text: str) -> range:
    low, dots, high = text.partition("..")
    try:
        first, last = int(low), int(high if dots else low)
    except ValueError:
        raise UsageFailure(f"--phi is a whole number or a range such as 0..7, got {text!r}") from None
    if not 0 <= first <= last < first + MAX_FAMILY:
        raise UsageFailure(f"--phi must rise from at least 0 over at most {MAX_FAMILY} steps, got {text!r}")
    return range(first, last + 1)


def _print(scaled: "Scaled") -> None:
    network, cost = scaled.architecture, scaled.cost
    pairs(
        [
            ("key", network.key),
            ("depths", network.depths),
            ("widths", network.widths),
            ("stem, head", f"{network.stem}, {network.head}"),
            ("resolution", f"{network.resolution} px"),
            ("classes", network.classes),
            ("parameters", cost.params),
            ("multiply-adds", f"{cost.macs:,} ({scaled.macs_ratio:.4g} times the baseline)"),
            ("activations", cost.activations),
            ("receptive field", f"{cost.receptive_field} px"),
        ]
    )
