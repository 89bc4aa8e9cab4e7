"""One room, one reason to open it: small rooms, no circles, and tests that mirror them."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.house.tree import PACKAGES, ROOT, module, name, runtime_imports, sources

MOST_FILES = 20


def rooms() -> list[Path]:
    """Every folder with Python files in the three packages."""
    return sorted({path.parent for path in sources()})


def test_no_room_is_crowded() -> None:
    files = {name(room): len([path for path in room.glob("*.py") if path.stem != "__init__"]) for room in rooms()}
    assert {room: count for room, count in files.items() if count > MOST_FILES} == {}


def test_every_room_says_what_it_is_for() -> None:
    bare = [name(room) for room in rooms() if not (room / "__init__.py").is_file()]
    assert bare == []


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_files_import_each_other_in_a_circle() -> None:
    """Imports inside functions count; those for annotations alone do not."""
    known = {module(path): path for path in sources()}
    assert circle({one: (runtime_imports(path) & known.keys()) - {one} for one, path in known.items()}) == []


def test_a_circle_would_be_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_tests_mirror_the_rooms() -> None:
    rooms_of_code = {
        name(folder) for floor in PACKAGES for folder in (ROOT / floor).iterdir() if (folder / "__init__.py").is_file()
    }
    rooms_of_tests = {
        name(folder).removeprefix("tests/")
        for floor in PACKAGES
        for folder in (ROOT / "tests" / floor).iterdir()
        if list(folder.glob("test_*.py"))
    }
    assert rooms_of_tests == rooms_of_code
