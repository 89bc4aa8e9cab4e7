"""BENCHMARKS.md: the figures, and what they were taken on."""

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.figures import ROUNDS, Figure, spread

LIBRARIES = ("jax", "flax", "optuna", "fastapi", "sqlalchemy", "numpy")


def page(figures: Iterable[Figure]) -> str:
    """The document, with what is needed to judge it: machine, versions, load."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    rows = "\n".join(_row(figure) for figure in figures)
    return f"""# Benchmarks

Written by `make bench`. Both sides of a ratio ran in one go, interleaved, {ROUNDS} rounds: the median and, in
brackets, the range. Read the ratios; absolute times are this machine's.

Machine: {machine}; {libraries}. Load average at the end: {os.getloadavg()[0]:.1f} (above {os.cpu_count()}, others
were using it, and absolute times are too long).

| what | effscale | compared with | that takes | ratio | goal |
|---|---|---|---|---|---|
{rows}
"""


def _row(figure: Figure) -> str:
    other = f"{spread(figure.other)} {figure.unit}" if figure.other else ""
    ratio = f"{spread(figure.ratios)} x" if figure.other else ""
    cells = (figure.name, f"{spread(figure.ours)} {figure.unit}", figure.versus, other, ratio, figure.goal)
    return "| " + " | ".join(cells) + " |"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", information.read_text(encoding="utf-8")) if information.exists() else None
    return found[1] if found else platform.machine()
