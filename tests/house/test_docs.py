"""The docs run: docstring examples, README commands; every setting, command and route is documented."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import Settings
from tests.house.tree import ROOT, blocks, functions, name, sources

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
EXAMPLES = [path for path in sources() if ">>> " in path.read_text(encoding="utf-8")]
RUNNING = [text for runs, text in blocks(README, "sh", "console") if runs]


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_docstring_examples_are_true(path: Path) -> None:
    module = importlib.import_module(name(path).removesuffix(".py").replace("/", "."))
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.attempted
    assert results.failed == 0


@pytest.mark.parametrize("text", RUNNING, ids=lambda text: text.splitlines()[0].removeprefix("$ "))
def test_readme_commands_run(text: str, tmp_path: Path) -> None:
    """In a `console` block the lines behind `$ ` are typed; in an `sh` block every line is."""
    typed = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")] or text.splitlines()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(typed)],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "COLUMNS": "120", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.strip()


def test_some_readme_commands_run() -> None:
    assert len(RUNNING) >= 3


def test_every_setting_is_in_the_readme_and_the_other_way_round() -> None:
    """Also what is read from the environment beside the settings."""
    read = re.compile(r"environ(?:\.get\(|\[)\"(EFFSCALE_[A-Z_]+)\"")
    beside = {found for path in sources() for found in read.findall(path.read_text(encoding="utf-8"))}
    settings = {f"EFFSCALE_{field.upper()}" for field in Settings.model_fields}
    assert settings | beside == set(re.findall(r"`(EFFSCALE_[A-Z_]+)`", README))


def test_every_setting_is_described() -> None:
    assert [field for field, info in Settings.model_fields.items() if not info.description] == []


def commands() -> list[str]:
    """Every command of the console script, those of groups with their group's name."""
    from typer.core import TyperGroup
    from typer.main import get_command

    from service.cli.app import app

    root = get_command(app)
    assert isinstance(root, TyperGroup)
    found: list[str] = []
    for group_name, command in root.commands.items():
        children = command.commands if isinstance(command, TyperGroup) else {"": None}
        found += [f"{group_name} {child}".strip() for child in children]
    return found


def test_every_command_is_in_the_readme() -> None:
    assert [command for command in commands() if not re.search(rf"`(effscale )?{command}\b", README)] == []


def test_every_route_is_described(tmp_path: Path) -> None:
    from service.api.app import create_app
    from service.api.context import build_context

    document = create_app(build_context(Settings(data_dir=tmp_path))).openapi()
    bare = [
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if not operation.get("description")
    ]
    assert bare == []


def test_every_make_target_is_explained() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
        assert f"`make {target}`" in CONTRIBUTING, target


def test_every_promise_names_a_test_that_exists() -> None:
    tests = {node.name for path in sources("tests") for node in functions(path)}
    named = set(re.findall(r"`(test_\w+)`", README))
    assert len(named) >= 10
    assert named <= tests


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files_and_headings_that_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?://", link)]
    for link in links:
        file, _, heading = link.partition("#")
        target = (ROOT / file).read_text(encoding="utf-8") if file else text
        assert not heading or heading in {_anchor(line) for line in re.findall(r"^#+ (.*)$", target, re.MULTILINE)}, (
            link
        )


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
