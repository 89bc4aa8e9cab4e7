"""The locks are in step with pyproject.toml, and it with the code. Reads files only: no network, no resolver."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house.tree import PACKAGES, ROOT, imported, name, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13")
LOCKS = {
    "requirements.lock": ("parquet", "postgres", "dev"),
    "docker/requirements.lock": ("parquet", "postgres"),
    "docker/requirements-cuda13.lock": ("parquet", "postgres", "cuda"),
}


def wanted(extras: tuple[str, ...]) -> list[Requirement]:
    """What pyproject.toml asks for, its own name left out."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return [requirement for line in lines if (requirement := Requirement(line)).name != PROJECT["name"]]


def locked(lock: Path) -> list[Requirement]:
    """The pins of a lock."""
    return [Requirement(line.removesuffix("\\").strip()) for line in _pins(lock)]


def _pins(lock: Path) -> list[str]:
    return [line for line in lock.read_text(encoding="utf-8").splitlines() if re.match(r"[a-zA-Z0-9]", line)]


def _version(requirement: Requirement) -> Version:
    return Version(next(iter(requirement.specifier)).version)


def _applies(requirement: Requirement, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_at_a_version_it_allows(lock: str, python: str) -> None:
    pins = {canonicalize_name(pin.name): _version(pin) for pin in locked(ROOT / lock) if _applies(pin, python)}
    for requirement in wanted(LOCKS[lock]):
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{lock} lacks {requirement.name} for Python {python}: run make lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{lock}: {requirement} and {version}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_hashed(lock: str) -> None:
    entries = re.split(r"\n(?=[a-zA-Z0-9])", (ROOT / lock).read_text(encoding="utf-8"))
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[\w.\-\[\],]+==[\w.]+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]


def test_the_images_run_what_the_tests_ran() -> None:
    tested = {str(pin) for pin in locked(ROOT / "requirements.lock")}
    assert {str(pin) for pin in locked(ROOT / "docker/requirements.lock")} <= tested
    assert {str(pin) for pin in locked(ROOT / "docker/requirements-build.lock")} <= tested


@pytest.mark.parametrize(
    ("folders", "extras"),
    [((*PACKAGES, "alembic"), ("parquet", "postgres")), (("tests",), ("bench", "parquet", "postgres", "dev"))],
    ids=["code", "tests"],
)
def test_what_is_imported_is_declared(folders: tuple[str, ...], extras: tuple[str, ...]) -> None:
    """A library that another one happens to bring may be gone with the next lock."""
    declared = {canonicalize_name(requirement.name) for requirement in wanted(extras)}
    ours = {*PACKAGES, "tests", *sys.stdlib_module_names}
    owners = packages_distributions()
    undeclared = {
        f"{name(path)}: {module}"
        for path in sources(*folders)
        for module in {full.partition(".")[0] for full in imported(path)} - ours
        if not declared & {canonicalize_name(owner) for owner in owners.get(module, [module])}
    }
    assert undeclared == set()
