"""service > search > models, and a ground floor that is light enough for the API."""

import subprocess
import sys

import pytest

from tests.house.tree import ROOT, imported, name, sources

HEAVY = ("jax", "flax", "optax", "optuna", "numpy", "scipy", "sklearn", "sqlalchemy", "fastapi")


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after a statement."""
    code = f"import sys\n{statement}\nprint(*{{module.partition('.')[0] for module in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_the_contracts_of_pyproject_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, verbose=False))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "from models.scaling import architecture, baselines, coefficients, cost; from models.data import registry",
        "import search.spec.spec, search.space.catalogue",
    ],
)
def test_planning_loads_nothing_heavy(statement: str) -> None:
    assert not loaded_by(statement) & set(HEAVY)


def test_the_api_never_loads_jax() -> None:
    loaded = loaded_by("import service.api.app")
    assert not loaded & {"jax", "jaxlib", "flax", "optax", "sklearn", "orbax"}


def test_the_command_line_starts_light() -> None:
    assert not loaded_by("import service.cli") & {"jax", "flax", "optuna", "sqlalchemy", "fastapi", "plotly", "sklearn"}


def test_nothing_imports_the_tests_or_the_migrations() -> None:
    ours = ("tests", "alembic.env", "alembic.versions")
    guilty = {
        name(path): sorted(found)
        for path in sources()
        if (found := {module for module in imported(path) if module.startswith(ours)})
    }
    assert guilty == {}


def test_the_migrations_folder_is_no_package() -> None:
    """With an `__init__.py` it would shadow the library of that name."""
    assert not list((ROOT / "alembic").rglob("__init__.py"))
    import alembic

    assert alembic.__file__ is not None
    assert "site-packages" in alembic.__file__
