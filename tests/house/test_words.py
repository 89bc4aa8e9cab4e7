"""Words are spelled as a dictionary has them, and none needs to be learned: documents, code, messages, templates."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import words
from tests.house.tree import ROOT, name, texts

ENDINGS = {".py", ".md", ".html", ".js", ".css", ".toml", ".yaml", ".cc", ".h"}
# They quote what they forbid, record what was, or hold recorded figures
EXCEPT = ("tests/house/words.py", "tests/house/test_words.py", "tests/benchmarks/recorded", "docs/reference")
# Names of nothing in particular: a function or a class says what it gives or does
UNTELLING = frozenset({"told", "said", "spoken", "known", "found", "wish", "verdict", "tell", "say", "at", "settled"})
# Right here: names of bodies and of a colour, and parts of escaped strings
RIGHT = "finishin,reportin,vermillion,caf,bject,ot"


def read() -> list[Path]:
    """Every text that people read or that prints what they read."""
    return [path for path in texts() if path.suffix in ENDINGS and not name(path).startswith(EXCEPT)]


def test_no_word_has_to_be_learned() -> None:
    guilty = [
        f"{name(path)}:{line}: {said!r}: say instead: {instead}"
        for path in read()
        for line, said, instead in words.found(path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("fine\nMACs foretell the time", "predict"),
        ("1 trials were trained", "singular"),
        ("who is told from the best leaves", "is (not) significantly worse than"),
    ],
)
def test_a_forbidden_word_is_found_with_its_line_and_what_to_say(text: str, instead: str) -> None:
    ((line, said, better),) = words.found(text)
    assert (line, better) == (len(text.splitlines()), instead)
    assert said in text


@pytest.mark.parametrize("text", ["11 trials", "1 trial was trained", "0.1 networks", "a convolution's kernel"])
def test_what_is_right_is_not_found(text: str) -> None:
    assert words.found(text) == []


def spelling(*paths: Path) -> subprocess.CompletedProcess[str]:
    """What codespell says of these files."""
    command = [sys.executable, "-m", "codespell_lib", "--ignore-words-list", RIGHT, *map(str, paths)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_words_are_spelled_right() -> None:
    done = spelling(*read())
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_misspelled_word_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("The accu" + "arcy of a netwrok\n")
    done = spelling(tmp_path / "page.md")
    assert done.returncode != 0
    assert "page.md:1" in done.stdout


def untelling(source: str) -> list[str]:
    """The functions and classes of a module whose name tells nothing."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = (node.name for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))
    return [each for each in defined if each.strip("_").lower() in UNTELLING]


def test_functions_and_classes_are_named_by_what_they_give() -> None:
    floors = ("models/", "search/", "service/")
    read = [path for path in texts() if path.suffix == ".py" and name(path).startswith(floors)]
    assert read
    guilty = {name(path): names for path in read if (names := untelling(path.read_text(encoding="utf-8")))}
    assert guilty == {}


def test_an_untelling_name_is_found() -> None:
    assert untelling("class Told: ...\nasync def _said(): ...\ndef rate(): ...") == ["Told", "_said"]
