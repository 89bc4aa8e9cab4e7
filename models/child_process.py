"""The command that runs one of our modules as a process of its own. Standard library only."""

import sys
from pathlib import Path

START = Path(__file__).resolve().parent.parent / "effscale_start.py"


def child_command(module: str, *arguments: str) -> list[str]:
    """As `python -m MODULE ARGUMENT…`, but whatever `PYTHONPATH` or the current directory hold, it is our module.

    `-P` keeps the folder of the started file, which holds all installed packages, from the front of the path.
    """
    return [sys.executable, "-P", str(START), module, *arguments]
