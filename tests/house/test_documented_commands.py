"""Every command of the documentation is run, page by page, or says on the page why it is not.

A block of shell commands stands behind one of three comments: `runs`, `runs with a service`, `not run: REASON`. The
blocks of a page share a folder and run in order. The service is a real one, with a worker, a data directory of its own
and a finished search, whose id takes the place of `SEARCH_ID`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.stack import Stack, stack
from tests.house.tree import ROOT, name

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^(?:<!-- (?P<how>[^\n]*) -->\n)?```(?:sh|console)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = "not run: "
MOST_NOT_RUN = 4  # set-up, a service in the foreground, containers: a new one needs a reason
SECONDS = 240.0  # of one block, on a busy machine
SEARCH = {
    "name": "documented",
    "dataset": "digits",
    "baseline": "efficientnet-nano",
    "trials": 2,
    "target": {"tolerance": 0.3},
    "recipe": {"epochs": 1},
    "finalists": {"count": 0},
}


class Block(NamedTuple):
    """Shell commands of a page, and whether and how they are run."""

    how: str
    text: str

    @property
    def typed(self) -> str:
        """In a `console` block the lines behind `$ ` are typed; in an `sh` block every line is."""
        lines = self.text.splitlines()
        return "\n".join([line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines)


def blocks(page: Path) -> list[Block]:
    """The blocks of shell commands of a page."""
    return [Block(found["how"] or "", found["text"]) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def pages_with(how: str) -> list[Path]:
    """Pages that have a block that is run like this."""
    return [page for page in PAGES if any(block.how == how for block in blocks(page))]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str]]:
    """A running service with a worker, and the id of a search that has ended."""
    with stack(tmp_path_factory.mktemp("documented")) as running:
        running.start_worker()
        search = running.submit(SEARCH)
        assert running.finished(search)["state"] == "succeeded"
        yield running, search


def run(block: Block, folder: Path, more: dict[str, str], replaced: dict[str, str]) -> None:
    """Run a block in the folder; it must succeed and print something."""
    text = block.typed
    for old, new in replaced.items():
        text = text.replace(old, new)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "COLUMNS": "120",
            "LANG": "C.UTF-8",
            **more,
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page not in pages_with("runs with a service")], ids=name)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.how == "runs":
            run(block, tmp_path, {}, {})


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("runs with a service"), ids=name)
def test_the_commands_of_a_page_run_beside_a_service(page: Path, service: tuple[Stack, str], tmp_path: Path) -> None:
    running, search = service
    more = {"EFFSCALE_SERVER": running.url, "EFFSCALE_DATA_DIR": running.environment["EFFSCALE_DATA_DIR"]}
    replaced = {"SEARCH_ID": search, "localhost:8000": running.url.removeprefix("http://")}
    for block in blocks(page):
        if block.how.startswith("runs"):
            run(block, tmp_path, more, replaced)


def test_every_block_runs_or_says_why_not() -> None:
    unmarked = [
        f"{name(page)}: {block.text.splitlines()[0]}"
        for page in PAGES
        for block in blocks(page)
        if block.how not in ("runs", "runs with a service") and not block.how.startswith(NOT_RUN)
    ]
    assert unmarked == []


def test_few_blocks_are_not_run() -> None:
    reasons = [
        f"{name(page)}: {block.how}" for page in PAGES for block in blocks(page) if block.how.startswith(NOT_RUN)
    ]
    print("\n".join(reasons))
    assert len(reasons) <= MOST_NOT_RUN, reasons
    assert all(len(reason.split(NOT_RUN)[1]) > len("why") for reason in reasons)
