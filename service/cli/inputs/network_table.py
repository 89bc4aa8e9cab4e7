"""Networks and a number of each, from a table as `effscale export --format csv` writes it, or one's own."""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from service.cli.inputs.spec_file import STANDARD_INPUT, named
from service.cli.presentation.failure import UsageFailure

COEFFICIENTS = ("alpha", "beta", "gamma")

Row = Mapping[str, str | None]


def read_networks(path: str, column: str, phi: object, counts: Callable[[Row], bool] = bool) -> list[dict[str, float]]:
    """The coefficients and the value in `column` of each row that has one and that `counts`; no row is empty.

    A row of another phi, as a search's probes are, is passed over: its coefficients give another network here.
    """
    name, columns = named(path), (*COEFFICIENTS, column)
    try:
        data = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
        lines = data.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise UsageFailure(f"cannot read {name}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageFailure(f"{name} is not UTF-8: byte {error.start} is {data[error.start]:#04x}") from None
    table = csv.DictReader(lines)
    if missing := [wanted for wanted in columns if wanted not in (table.fieldnames or ())]:
        raise UsageFailure(f"{name} has no column {', '.join(missing)}; it needs {', '.join(columns)}")
    return list(_rows(table, name, columns, lambda row: _is_of(row, phi) and counts(row)))


def _rows(
    table: "csv.DictReader[str]", name: str, columns: tuple[str, ...], counts: Callable[[Row], bool]
) -> Iterator[dict[str, float]]:
    for row in table:
        if not (row[columns[-1]] or "").strip() or not counts(row):
            continue
        try:
            yield {column: float(row[column] or "") for column in columns}
        except ValueError:
            wrong = next(column for column in columns if not _is_number(row[column]))
            raise UsageFailure(
                f"{name}, line {table.line_num}: {wrong} is {row[wrong]!r}, which is no number"
            ) from None


def _is_of(row: Row, phi: object) -> bool:
    """Whether a row is of that phi; one that does not say is."""
    text = row.get("phi") or ""
    return not _is_number(text) or float(text) == phi


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
