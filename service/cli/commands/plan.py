"""`effscale plan`: a dry run of a search, on this machine, without a service."""

from typing import Annotated, Any

import typer

from service.cli.inputs.latency_table import LatencyTable, with_latencies
from service.cli.inputs.options import DataDir, Json
from service.cli.inputs.spec_file import checked, read_document
from service.cli.presentation.output import duration, emit, warn
from service.cli.presentation.screen import remark
from service.cli.presentation.table import pairs

SpecPath = Annotated[
    str,
    typer.Argument(
        metavar="SPEC", help="A search specification: .json, .yaml or .toml; - is standard input.", show_default=False
    ),
]


def plan(spec: SpecPath, latency_table: LatencyTable = None, data_dir: DataDir = None, json: Json = False) -> None:
    """How many networks a search can choose from, what they cost, and what to look out for. Trains nothing.

    Data sets of one's own are those registered in the data directory.
    """
    from search.planning.plan import plan as plan_of

    document = read_document(spec)
    if latency_table is not None:
        document = with_latencies(document, latency_table)
    document = plan_of(checked(document, spec, data_dir))
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
            *_latency(document),
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
        remark(f"to have more to choose from: {suggestion['message']}")
    for warning in document["warnings"]:
        warn(warning["message"])


def _latency(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Of a target in latency. A plan of an older service says nothing of it."""
    table, found = document.get("latency_table"), document["cost"].get("latency_ms")
    if table is None or found is None:
        return []
    measured = "{networks:,}, by {used:,} of {rows:,} rows of the table".format(**table)
    return [("latency", "{:.4g} to {:.4g} ms".format(*found)), ("measured networks", measured)]


def _trainings(runs: dict[str, int]) -> str:
    """As "24, 15 finals, 9 probes".

    >>> _trainings({"search": 24, "final": 15, "probe": 0})
    '24, 15 finals'
    """
    return ", ".join([f"{runs['search']}", *(f"{runs[role]} {role}s" for role in ("final", "probe") if runs[role])])
