"""Outputs that were looked at and are kept as files: `golden/NAME.txt`."""

import difflib
import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "golden"
REFRESH = "REFRESH_GOLDEN"


def check(name: str, text: str) -> None:
    """Fail with a readable difference unless the text is that of the file; with `REFRESH_GOLDEN=1` write it."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get(REFRESH) == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    how = f"If the new output is right: {REFRESH}=1 python -m pytest tests/service/cli, then look at the diff."
    if not path.exists():
        pytest.fail(f"there is no {path.name} yet. {how}\n\n{text}", pytrace=False)
    before = path.read_text(encoding="utf-8")
    if text != before:
        lines = difflib.unified_diff(before.splitlines(), text.splitlines(), f"golden/{path.name}", "now", lineterm="")
        pytest.fail("\n".join([f"{name} prints something else. {how}", "", *lines]), pytrace=False)
