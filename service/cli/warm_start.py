"""Results of earlier searches, from the table of `effscale export --format csv`, for a new one to learn from."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.failure import UsageFailure
from service.cli.spec_file import STANDARD_INPUT

COLUMNS = ("alpha", "beta", "gamma", "accuracy")
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
    return {**document, "warm_start": {**warm, "trials": [*trials, *read_results(path)]}}


def read_results(path: str) -> list[dict[str, float]]:
    """Rows as `warm_start.trials` has them. Without an accuracy, or not trained to the end, a row says nothing."""
    name = "standard input" if path == STANDARD_INPUT else path
    try:
        data = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
        lines = data.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise UsageFailure(f"cannot read {name}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageFailure(f"{name} is not UTF-8: byte {error.start} is {data[error.start]:#04x}") from None
    table = csv.DictReader(lines)
    if missing := [column for column in COLUMNS if column not in (table.fieldnames or ())]:
        raise UsageFailure(f"{name} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
    results = list(_results(table, name))
    if not results:
        raise UsageFailure(f"{name} has no row with an accuracy: there is nothing to learn from")
    return results


def _results(table: "csv.DictReader[str]", name: str) -> Iterator[dict[str, float]]:
    for row in table:
        if not (row["accuracy"] or "").strip() or row.get("state", FINISHED[0]) not in FINISHED:
            continue
        try:
            yield {column: float(row[column] or "") for column in COLUMNS}
        except ValueError:
            wrong = next(column for column in COLUMNS if not _is_number(row[column]))
            raise UsageFailure(
                f"{name}, line {table.line_num}: {wrong} is {row[wrong]!r}, which is no number"
            ) from None


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
