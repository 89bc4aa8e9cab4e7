"""Measured latencies, from the table of `effscale export --format csv`, as the target of a new search."""

from typing import Annotated, Any

import typer

from service.cli.inputs.network_table import read_networks
from service.cli.inputs.spec_file import named
from service.cli.presentation.failure import UsageFailure

LatencyTable = Annotated[
    str | None,
    typer.Option(
        "--latency-table",
        metavar="FILE.csv",
        help="Measured networks of the target latency_ms: columns alpha, beta, gamma, latency_ms, as a search's csv "
        "has them.",
        show_default=False,
    ),
]


def with_latencies(document: dict[str, Any], path: str) -> dict[str, Any]:
    """A specification's document with the rows of a file behind those in its `target.table`."""
    target = document.get("target") or {}
    rows = target.get("table") or [] if isinstance(target, dict) else None
    if not isinstance(rows, list):
        raise UsageFailure("/target/table of the specification is no list: it cannot take the file's rows")
    measured = read_networks(path, "latency_ms", document.get("phi", 1))
    if not measured:
        raise UsageFailure(
            f"{named(path)} has no row with a latency at the specification's phi: a search measures those of all its "
            "networks with measure_latency 'all'"
        )
    return {**document, "target": {**target, "table": [*rows, *measured]}}
