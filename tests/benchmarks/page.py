"""BENCHMARKS.md: a section a benchmark, each with what it was taken on. Sections that were not run again stay."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.figures import Figure, Skipped, spread

LIBRARIES = ("jax", "flax", "optuna", "fastapi", "sqlalchemy", "numpy")
HEAD = """# Benchmarks

Written by `make bench`, a section a benchmark; `make bench ARGS=NAME` writes that section anew. Both sides of a ratio
ran in one go, interleaved: the median of the rounds and, in brackets, the range. A ratio above 1 means that effscale
is better. Read the ratios; absolute times are the machine's.
"""
SECTION = re.compile(r"^## (\S+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
MARKS = {True: ": **met**", False: ": **missed**", None: ""}


def page(before: str, sections: Mapping[str, str], order: Sequence[str]) -> str:
    """The document with these sections in place of those of the same name before."""
    known = {found[1]: found[0] for found in SECTION.finditer(before)} | dict(sections)
    names = [*order, *sorted(known.keys() - set(order))]
    return "\n".join([HEAD, *(known[name].rstrip() + "\n" for name in names if name in known)])


def section(name: str, what: str, taken: Sequence[Figure | Skipped], plot: Path | None = None) -> str:
    """One benchmark's section: machine, versions and load, its figures, what was left out and why."""
    figures = [figure for figure in taken if isinstance(figure, Figure)]
    notes = [f"* {note}" for note in dict.fromkeys(figure.note for figure in figures if figure.note)]
    notes += [f"* Not measured: {left.name} ({left.reason})." for left in taken if isinstance(left, Skipped)]
    lines = [f"## {name}", "", what, "", conditions(max((len(figure.ours) for figure in figures), default=0)), ""]
    if figures:
        lines += ["| what | effscale | compared with | that takes | ratio | goal |", "|---|---|---|---|---|---|"]
        lines += [*map(_row, figures), ""]
    if plot is not None:
        lines += [f"![{name}: how many times as fast as each rival]({plot.as_posix()})", ""]
    return "\n".join([*lines, *notes]).rstrip() + "\n"


def conditions(rounds: int) -> str:
    """When and on what: a line that tells how much to believe."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    machine = f"{_processor()}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
    date = f"{datetime.now(UTC):%Y-%m-%d}, {rounds} round{'s' if rounds != 1 else ''}"
    busy = " (others were using the machine, too)" if load > 1.5 * cores else ""
    return f"{date}, {machine}; {libraries}. Load average at the end: {load:.1f}{busy}."


def _row(figure: Figure) -> str:
    other = f"{spread(figure.other)} {figure.unit}" if figure.other else ""
    ratio = f"{spread(figure.ratios)} x" if figure.ratios else ""
    goal = figure.aim + MARKS[figure.met]
    return (
        "| "
        + " | ".join((figure.name, f"{spread(figure.ours)} {figure.unit}", figure.versus, other, ratio, goal))
        + " |"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", information.read_text(encoding="utf-8")) if information.exists() else None
    return found[1] if found else platform.machine()
