"""What no source file may contain: swallowed errors, pickles, machine paths, undocumented names."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Function, imported, name, parsed, sources, texts

PICKLING = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "torch"}
# Scripts that run where PyTorch is: they write state dictionaries as safetensors, or train, and load none
PYTORCH = {
    *("tests/benchmarks/torch_names.py", "tests/benchmarks/torch_reference.py"),
    *(
        f"tests/benchmarks/rivals/{name}.py"
        for name in ("search_torch", "timm_half", "torch_network", "torch_plain", "torch_training")
    ),
}
# Put together from halves, so that this file does not contain them
HOSTS = [
    f"{host}.{domain}"
    for host, domain in [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("deb.debian", "org")]
]
MACHINE_PATHS = re.compile(r"(?<![\w.>}])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + r")/\w")
LOCKS = sorted([ROOT / "requirements.lock", *(ROOT / "docker").glob("*.lock")])


def python_files() -> list[Path]:
    """Sources, migrations and tests."""
    return [ROOT / "effscale_start.py", *sources("models", "search", "service", "alembic", "tests")]


def test_no_error_is_swallowed() -> None:
    """A handler that does nothing hides a fault; `contextlib.suppress` at least says so by name."""
    swallowed = [
        f"{name(path)}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler) and all(_does_nothing(statement) for statement in node.body)
    ]
    assert swallowed == []


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def test_no_module_loads_pickles() -> None:
    guilty = {
        name(path): sorted(found)
        for path in python_files()
        if (found := {module.partition(".")[0] for module in imported(path)} & PICKLING)
        and not (found == {"torch"} and name(path) in PYTORCH)
    }
    assert guilty == {}


def test_processes_of_ours_are_started_by_one_function() -> None:
    """Started in another way, a folder of the user's that is called as our packages are would take their place."""
    starters = [name(path) for path in sources() if "sys.executable" in path.read_text(encoding="utf-8")]
    assert starters == ["models/child_process.py"]


def test_no_array_is_loaded_with_pickles_allowed() -> None:
    allowed = [
        f"{name(path)}:{node.value.lineno}"
        for path in python_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.keyword) and node.arg == "allow_" + "pickle" and not _is_false(node.value)
    ]
    assert allowed == []


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def test_no_text_names_a_machine_or_a_registry() -> None:
    guilty = []
    for path in texts():
        text = path.read_text(encoding="utf-8", errors="replace")
        guilty += [f"{name(path)}: {host}" for host in HOSTS if host in text]
        guilty += [f"{name(path)}: {found}" for found in MACHINE_PATHS.findall(text)]
    assert guilty == []


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_locks_name_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r"https?://\S+|file:\S+|--(?:extra-)?index-url|--find-links", text) == []


def test_everything_public_is_documented() -> None:
    missing = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in sources()
        for node in _public(parsed(path))
        if not ast.get_docstring(node)
    ]
    missing += [name(path) for path in sources() if parsed(path).body and not ast.get_docstring(parsed(path))]
    assert missing == []


def _public(node: ast.Module | ast.ClassDef) -> list[ast.ClassDef | Function]:
    """Classes, functions and methods whose names, and whose classes' names, begin with no underscore."""
    found: list[ast.ClassDef | Function] = []
    for child in node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_") and not _is_overload(child):
            found.append(child)
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            found += _public(child)
    return found


def _is_overload(node: ast.ClassDef | Function) -> bool:
    return any(ast.unparse(decorator).endswith(("overload", ".setter")) for decorator in node.decorator_list)
