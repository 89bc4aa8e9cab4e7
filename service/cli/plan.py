"""`effscale plan`: a dry run of a search, on this machine, without a service."""

from typing import Annotated, Any

import typer

from service.cli.options import DataDir, Json
from service.cli.output import duration, emit, pairs, warn
from service.cli.spec_file import read_spec

SpecPath = Annotated[
    str, typer.Argument(metavar="SPEC.json", help="A search specification; - is standard input.", show_default=False)
]


def plan(spec: SpecPath, data_dir: DataDir = None, json: Json = False) -> None:
    """How many networks a search can choose from, what they cost, and what to look out for. Trains nothing.

    Data sets of one's own are those registered in the data directory.
    """
    from search.plan import plan as plan_of

    document = plan_of(read_spec(spec, data_dir))
    if json:
        emit(document)
    else:
        show_plan(document)


def show_plan(document: dict[str, Any]) -> None:
    """A plan for a person; its warnings go to standard error."""
    catalogue, cost, seconds = document["catalogue"], document["cost"], document["device_seconds"]
    pairs(
        [
            ("distinct networks", catalogue["distinct"]),
            ("feasible", catalogue["feasible"]),
            ("multiply-adds", "{:.4g} to {:.4g} times the baseline".format(*cost["macs_ratio"])),
            ("parameters", "{:,} to {:,}".format(*cost["params"])),
            ("activations", "{:,} to {:,}".format(*cost["activations"])),
            ("trainings", _trainings(document["runs"])),
            ("programs to compile", document["programs"]),
            (
                "device time",
                f"about {duration(seconds['estimate'])} ({duration(seconds['low'])} to {duration(seconds['high'])})",
            ),
            ("which rests on", seconds["basis"]),
        ]
    )
    for suggestion in document.get("suggestions", []):  # a plan of an older service has none
        typer.echo(f"to have more to choose from: {suggestion['message']}")
    for warning in document["warnings"]:
        warn(warning["message"])


def _trainings(runs: dict[str, int]) -> str:
    """As "24, 15 finals, 9 probes".

    >>> _trainings({"search": 24, "final": 15, "probe": 0})
    '24, 15 finals'
    """
    return ", ".join([f"{runs['search']}", *(f"{runs[role]} {role}s" for role in ("final", "probe") if runs[role])])
