"""The `effscale` command as a process."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.api.context import build_context
from service.cli import main
from service.settings import Settings
from tests.conftest import Clock, hurry
from tests.service.cli.served import Served, serve, story

SECONDS = 120.0  # of one command, on a busy machine


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON, in which NaN and infinity may not appear."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} in JSON")

        return json.loads(self.out, parse_constant=refuse)


Effscale = Callable[..., Done]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """An environment with no settings but these, and nothing of the user's."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EFFSCALE_")}
    return {**plain, "EFFSCALE_DATA_DIR": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache"), **settings}


@pytest.fixture
def effscale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Effscale:
    """Runs a command in this process, which is quick; `stdin` and settings may be given."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> Done:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("EFFSCALE_")]:
                patch.delenv(name)
            for name, value in environment(tmp_path, **settings).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["effscale", *arguments])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            capfd.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return Done(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def effscale_process(tmp_path: Path) -> Effscale:
    """Runs a command as a process of its own."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "service.cli", *arguments],
            env=environment(tmp_path, **settings),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Served]:
    """A service with three searches, which the tests of a file share; none of the three is changed."""
    folder, clock = tmp_path_factory.mktemp("served"), Clock()
    shutil.copy(migrated_sqlite, folder / "effscale.db")
    context = build_context(Settings(data_dir=folder, database_url=f"sqlite:///{folder / 'effscale.db'}"), clock)
    hurry(context.engine)
    with serve(context) as url:
        yield story(context, clock, url)
    context.engine.dispose()
