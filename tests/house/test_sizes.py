"""One file, one noun; one function, one sentence."""

import statistics

from tests.house.tree import functions, name, sources

FILE_LINES = 350
MEDIAN_FILE_LINES = 120
FUNCTION_LINES = 60
P99_FUNCTION_LINES = 45


def file_lines() -> dict[str, int]:
    """Lines of every source file that says something."""
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    return {path: count for path, count in lines.items() if count}


def function_lines() -> dict[str, int]:
    """Lines of every function, without its decorators."""
    return {
        f"{name(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in sources()
        for node in functions(path)
    }


def test_no_file_is_long() -> None:
    assert {path: count for path, count in file_lines().items() if count > FILE_LINES} == {}


def test_half_of_the_files_are_short() -> None:
    assert statistics.median(file_lines().values()) <= MEDIAN_FILE_LINES


def test_no_function_is_long() -> None:
    assert {path: count for path, count in function_lines().items() if count > FUNCTION_LINES} == {}


def test_ninety_nine_functions_in_a_hundred_fit_on_a_screen() -> None:
    lines = function_lines()
    long = {path: count for path, count in lines.items() if count > P99_FUNCTION_LINES}
    assert len(long) <= len(lines) // 100, long


def test_no_file_is_a_drawer_for_anything() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "misc", "models"}
    assert [name(path) for path in sources() if path.stem in drawers] == []
