"""The two commands of the README start on a bare machine, or say why they cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on the PATH")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make on a copy of the Makefile, without the environment of an outer make."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout, as far as make looks at it."""
    for file in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / file, tmp_path)
    for folder in ("house", "models", "zebra", "acceptance", "golden", "benchmarks"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    return tmp_path


def interpreter(folder: Path, version: str) -> Path:
    """A python that says it is of this version and can do nothing else."""
    path = folder / "fake-python"
    path.write_text(f'#!/bin/sh\ncase "$1" in -V) echo "Python {version}";; *) exit 1;; esac\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0", "2.7.18"])
def test_another_python_is_refused_by_name(checkout: Path, version: str) -> None:
    result = make(checkout, "setup", f"PYTHON={interpreter(checkout, version)}")
    assert result.returncode != 0
    assert f"is Python {version}" in result.stderr
    assert "3.11, 3.12 or 3.13" in result.stderr
    assert not (checkout / ".venv").exists()


def test_an_environment_that_matches_the_lock_is_kept(checkout: Path) -> None:
    environment = checkout / ".venv"
    environment.mkdir()
    shutil.copy(checkout / "requirements.lock", environment / ".lock")
    (environment / "kept").touch()
    result = make(checkout, ".venv/.packages", f"PYTHON={interpreter(checkout, '3.12.0')}")
    assert result.returncode == 0, result.stderr
    assert (environment / "kept").exists()


def test_fast_folders_are_tested_first_and_whole_services_alone_at_the_end(checkout: Path) -> None:
    result = make(checkout, "-n", "test")
    lines = [line for line in result.stdout.splitlines() if "pytest" in line]
    folders = [[word for word in line.split() if word.startswith("tests/")] for line in lines]
    assert folders == [["tests/house", "tests/models", "tests/zebra"], ["tests/acceptance"]]


def test_the_ci_script_is_sound() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
