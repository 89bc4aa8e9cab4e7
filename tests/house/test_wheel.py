"""The wheel: all of the three packages with their migrations and pages, under names that are ours."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.house.tree import PACKAGES, ROOT

NAMES = (*PACKAGES, "effscale_start")


def test_it_holds_every_file_of_the_packages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    missing = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - held
    assert missing == set()


def test_it_holds_the_migrations(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    migrations = {path.name for path in (ROOT / "alembic/versions").glob("*.py")}
    assert migrations, "there is no migration"
    assert {f"service/_alembic/versions/{name}" for name in migrations} <= held
    assert {"service/_alembic/env.py", "service/_alembic/script.py.mako"} <= held


def test_it_holds_nothing_else(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held} == {*PACKAGES, "effscale_start.py", "effscale-0.1.0.dist-info"}
    assert not [name for name in held if name.endswith((".pyc", ".db", ".log"))]


def test_the_import_names_belong_to_us(wheel: Path, tmp_path: Path) -> None:
    """Short names such as `models` are only safe while no other distribution brings them."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import json, importlib.metadata as metadata\n"
        "owners = metadata.packages_distributions()\n"
        f"print(json.dumps({{name: sorted(set(owners[name])) for name in {NAMES!r}}}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, check=True
    )
    assert json.loads(result.stdout) == {name: ["effscale"] for name in NAMES}
