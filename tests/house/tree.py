"""The source tree as the house tests read it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("models", "search", "service")
SKIPPED = {".git", ".venv", "__pycache__", "build", "dist", "effscale-data", "node_modules"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    """Every Python file of these folders; of the three packages when none is named."""
    return sorted(path for folder in folders or PACKAGES for path in (ROOT / folder).rglob("*.py"))


def texts() -> list[Path]:
    """Every text file that is committed or would be: no environments, caches or outputs."""
    skipped = SKIPPED | {path.name for path in ROOT.glob(".*_cache")} | {".hypothesis"}
    return sorted(
        path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.parts) and _is_text(path)
    )


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of a file, nested ones too."""
    yield from (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def name(path: Path) -> str:
    """The path as people say it: from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module(path: Path) -> str:
    """The full name of the module in a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def runtime_imports(path: Path) -> set[str]:
    """What a file imports when it runs, a name out of a package as the package's module where there is one."""
    for_annotations = {
        inner
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if node in for_annotations:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {_module_of(node.module, alias.name) for alias in node.names}
    return names


def _module_of(package: str, attribute: str) -> str:
    folder = ROOT.joinpath(*package.split("."))
    is_module = (folder / f"{attribute}.py").is_file() or (folder / attribute / "__init__.py").is_file()
    return f"{package}.{attribute}" if is_module else package


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" not in file.read(4096)
