"""`effscale scale` and `effscale family`: the calculator. No service, no JAX."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from models.scaling.coefficients import DepthRounding
from models.wording import decimal_size
from service.cli.commands.baselines import baseline_of
from service.cli.inputs.options import Json, Wide
from service.cli.presentation.failure import UsageFailure
from service.cli.presentation.output import emit, warn
from service.cli.presentation.table import Column, pairs, table

if TYPE_CHECKING:
    from service.library.calculator import Scaled

FamilyRule = Literal["published", "solved"]
Groups = dict[str, dict[str, float | str | None]]

FAMILY = (
    *(Column("name"), Column("depth"), Column("width"), Column("resolution"), Column("dropout", 6), Column("params")),
    *(Column("macs", 1), Column("macs_ratio", 2), Column("nominal_ratio", 3), Column("depths", 5)),
    Column("closest_official", 4),
)

SOLVED = (
    *(Column("name"), Column("depth"), Column("width"), Column("resolution"), Column("params", 2)),
    *(Column("macs", 1), Column("wanted_ratio"), Column("ratio"), Column("within"), Column("distance", 1)),
    *(Column("dropout", 6), Column("depths", 5), Column("closest_official", 4)),
)

PARTS = (
    *(Column("part"), Column("blocks", 1), Column("map px"), Column("channels"), Column("step px", 5)),
    *(Column("receptive field px", 4), Column("params", 1), Column("macs", 2), Column("activations", 3)),
)

BaselineName = Annotated[
    str,
    typer.Argument(
        metavar="BASELINE",
        help="A name of 'effscale baselines list', or a file with a stage table (.json).",
        show_default=False,
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        min=1, max=100_000, help="Classes of the classifier; default: the baseline's own.", show_default=False
    ),
]
Rounding = Annotated[
    DepthRounding | None,
    typer.Option(
        "--depth-rounding",
        help="ceil as EfficientNet, round as TinyNet; default: the baseline's own rule.",
        show_default=False,
    ),
]


def scale(
    baseline: BaselineName,
    alpha: Annotated[float | None, typer.Option(help="Depth coefficient, positive.", show_default=False)] = None,
    beta: Annotated[float | None, typer.Option(help="Width coefficient, positive.", show_default=False)] = None,
    gamma: Annotated[float | None, typer.Option(help="Resolution coefficient, positive.", show_default=False)] = None,
    phi: Annotated[
        float | None, typer.Option(help="Compound step; a negative one scales down.", show_default=False)
    ] = None,
    depth: Annotated[float | None, typer.Option(help="Depth multiplier.", show_default=False)] = None,
    width: Annotated[float | None, typer.Option(help="Width multiplier.", show_default=False)] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Input height and width in pixels.", show_default=False)
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A published member of the family, such as b3.", show_default=False)
    ] = None,
    classes: Classes = None,
    depth_rounding: Rounding = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """What a scaled network really is after rounding, and what it costs.

    Give --alpha --beta --gamma --phi, or --depth --width --resolution, or --preset.
    """
    from models.scaling.coefficients import Coefficients
    from service.library.calculator import by_coefficients, by_multipliers, by_preset

    groups: Groups = {
        "compound": {"--alpha": alpha, "--beta": beta, "--gamma": gamma, "--phi": phi},
        "direct": {"--depth": depth, "--width": width, "--resolution": resolution},
        "preset": {"--preset": preset},
    }
    network = baseline_of(baseline)
    name, values = _chosen(groups)
    if name == "compound":
        *triple, step = map(float, values)
        scaled = by_coefficients(network, Coefficients(*triple), step, classes=classes, rounding=depth_rounding)
    elif name == "direct":
        deeper, wider, pixels = map(float, values)
        scaled = by_multipliers(network, deeper, wider, int(pixels), classes=classes, rounding=depth_rounding)
    else:
        scaled = by_preset(network, str(*values), classes=classes)
    if json:
        emit(scaled.document())
    else:
        _print(scaled, wide=wide)
    for warning in scaled.warnings:
        warn(warning)


def family(
    baseline: BaselineName,
    alpha: Annotated[float, typer.Option(help="Depth coefficient, positive.", show_default=False)],
    beta: Annotated[float, typer.Option(help="Width coefficient, positive.", show_default=False)],
    gamma: Annotated[float, typer.Option(help="Resolution coefficient, positive.", show_default=False)],
    phi: Annotated[str, typer.Option(metavar="LOW..HIGH", help="Whole compound steps, such as -2..4.")] = "0..7",
    rule: Annotated[
        FamilyRule,
        typer.Option(
            "--as",
            help="published: depth, width and resolution rounded by themselves; solved: the network nearest to the "
            "ray of the coefficients whose real cost is the ratio to the power of phi.",
        ),
    ] = "published",
    ratio: Annotated[
        float | None,
        typer.Option(
            help="solved: what a step multiplies the real MACs by; default: the product of the coefficients.",
            show_default=False,
        ),
    ] = None,
    classes: Classes = None,
    depth_rounding: Rounding = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """The family B0, B1, … of one coefficient triple, with real costs beside the nominal ones."""
    from models.scaling.coefficients import Coefficients
    from service.library.families import family_document

    found = family_document(
        baseline_of(baseline),
        Coefficients(alpha, beta, gamma),
        phi,
        rule,
        ratio=ratio,
        classes=classes,
        rounding=depth_rounding,
    )
    if json:
        emit(found)
    else:
        columns = FAMILY if rule == "published" else SOLVED
        table(columns, [[row[column.name] for column in columns] for row in found["family"]], wide=wide)


def _chosen(groups: Groups) -> tuple[str, list[float | str]]:
    """The one group that is given, whole, and its values; anything mixed or missing is bad usage."""
    given = {name: [key for key, value in group.items() if value is not None] for name, group in groups.items()}
    begun = [name for name, keys in given.items() if keys]
    choices = ", or ".join(" ".join(group) for group in groups.values())
    if not begun:
        raise UsageFailure(f"how far? Give {choices}")
    if len(begun) > 1:
        raise UsageFailure(f"{given[begun[0]][0]} and {given[begun[1]][0]} cannot be mixed: give {choices}")
    group = groups[begun[0]]
    if missing := [key for key, value in group.items() if value is None]:
        raise UsageFailure(f"{' and '.join(missing)} missing: {' '.join(group)} belong together")
    return begun[0], [value for value in group.values() if value is not None]


def _print(scaled: "Scaled", *, wide: bool) -> None:
    from dataclasses import astuple

    from models.scaling.anatomy import anatomy, memory

    network, cost = scaled.architecture, scaled.cost
    needs = memory(network)
    pairs(
        [
            ("key", network.key),
            ("depths", network.depths),
            ("widths", network.widths),
            ("stem, head", f"{network.stem}, {network.head or 'none'}"),
            ("resolution", f"{network.resolution} px"),
            ("receptive field", f"{cost.receptive_field} px"),
            ("classes", network.classes),
            ("dropout", network.dropout),
            ("parameters", cost.params),
            ("multiply-adds", f"{cost.macs:,} ({scaled.macs_ratio:.4g} times the baseline)"),
            ("activations", cost.activations),
            ("memory, inference", f"about {decimal_size(needs.inference)} of maps an image"),
            (
                "memory, training",
                f"about {decimal_size(needs.training_per_image)} an image and {decimal_size(needs.training_state)}",
            ),
        ]
    )
    print()
    table(PARTS, [list(astuple(part)) for part in anatomy(network)], wide=wide)
