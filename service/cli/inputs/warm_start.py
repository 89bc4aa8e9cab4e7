"""Results of earlier searches, from the table of `effscale export --format csv`, for a new one to learn from."""

from typing import Annotated, Any

import typer

from service.cli.inputs.network_table import read_networks
from service.cli.inputs.spec_file import named
from service.cli.presentation.failure import UsageFailure

FINISHED = ("completed", "cached")  # states of trials whose accuracy is that of a whole training

WarmStart = Annotated[
    str | None,
    typer.Option(
        "--warm-start",
        metavar="FILE.csv",
        help="Results that the sampler learns from: columns alpha, beta, gamma, accuracy, as a search's csv has them.",
        show_default=False,
    ),
]


def with_results(document: dict[str, Any], path: str) -> dict[str, Any]:
    """A specification's document with the results of a file behind those in its `warm_start.trials`."""
    warm = document.get("warm_start") or {}
    trials = warm.get("trials") or [] if isinstance(warm, dict) else None
    if not isinstance(trials, list):
        raise UsageFailure("/warm_start/trials of the specification is no list: it cannot take the file's results")
    return {**document, "warm_start": {**warm, "trials": [*trials, *read_results(path, document.get("phi", 1))]}}


def read_results(path: str, phi: object) -> list[dict[str, float]]:
    """Rows as `warm_start.trials` has them. Without an accuracy, or not trained to the end, a row says nothing."""
    results = read_networks(path, "accuracy", phi, lambda row: row.get("state", FINISHED[0]) in FINISHED)
    if not results:
        raise UsageFailure(f"{named(path)} has no row with an accuracy: there is nothing to learn from")
    return results
