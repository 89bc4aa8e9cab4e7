"""The documentation is true: docstring examples run; every setting, command, field and route is documented."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

from service.settings import Settings
from tests.house import reference
from tests.house.tree import ROOT, functions, name, sources

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
EXAMPLES = [path for path in sources() if ">>> " in path.read_text(encoding="utf-8")]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
DOCUMENTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
MOST_README_LINES = 150


def page_text(page: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_docstring_examples_are_true(path: Path) -> None:
    module = importlib.import_module(name(path).removesuffix(".py").replace("/", "."))
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.attempted
    assert results.failed == 0


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_README_LINES


@pytest.mark.parametrize("page", reference.pages())
def test_reference_pages_say_what_the_code_says(page: str) -> None:
    written = (reference.PAGES / page).read_text(encoding="utf-8")
    assert written == reference.pages()[page], "run `make docs`"


def test_every_field_of_a_specification_is_described() -> None:
    rows = [line for line in reference.spec_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_setting_is_documented_and_the_other_way_round() -> None:
    """Also what is read from the environment beside the settings."""
    read = re.compile(r"environ(?:\.get\(|\[)\"(EFFSCALE_[A-Z_]+)\"")
    beside = {found for path in sources() for found in read.findall(path.read_text(encoding="utf-8"))}
    settings = {f"EFFSCALE_{field.upper()}" for field in Settings.model_fields}
    assert settings | beside == set(re.findall(r"`(EFFSCALE_[A-Z_]+)`", page_text("reference/settings.md")))


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


def test_every_command_is_documented() -> None:
    text = page_text("reference/cli.md")
    assert [command for command in commands() if f"## `effscale {command}`" not in text] == []


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
    named = {found for page in PAGES for found in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))}
    assert len(named) >= 10
    assert named <= tests


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?://", link)]
    for link in links:
        file, _, heading = link.partition("#")
        target = document.parent / file if file else document
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page."""
    return {_anchor(line) for line in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
