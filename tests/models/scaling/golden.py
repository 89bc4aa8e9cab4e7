"""The published numbers: tests/golden/*.csv, whose first line is their source."""

import csv
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "golden"


def rows(name: str) -> list[dict[str, str]]:
    source, *lines = (FOLDER / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    assert source.startswith("# source: "), f"{name}.csv does not begin with its source"
    return list(csv.DictReader(lines))


def facts(name: str) -> dict[str, str]:
    return {row["fact"]: row["value"] for row in rows(name)}
