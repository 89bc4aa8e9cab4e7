"""JSON, YAML and TOML texts as one kind of document: what JSON can hold, and nothing else."""

import json
import math
import tomllib
from collections.abc import Iterator
from typing import Any, Literal

Format = Literal["JSON", "YAML", "TOML"]
SUFFIXES: dict[str, Format] = {".json": "JSON", ".yaml": "YAML", ".yml": "YAML", ".toml": "TOML"}
# Numbers as YAML 1.2 and JSON write them; PyYAML reads YAML 1.1, where 1e-3 is a text
FLOAT = r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9]+(?:[eE][-+]?[0-9]+)"


class Malformed(Exception):
    """A text is not in its format; the message says what and where, for a sentence that begins with the file's name."""


def format_of(suffix: str, text: str) -> Format:
    """By the name of the file, or else by the text: JSON begins with a bracket, TOML can be read as TOML.

    >>> format_of(".yml", ""), format_of("", "{}"), format_of("", "trials = 8"), format_of("", "trials: 8")
    ('YAML', 'JSON', 'TOML', 'YAML')
    """
    if (known := SUFFIXES.get(suffix.lower())) is not None:
        return known
    if not text.strip() or text.lstrip()[0] in "{[":
        return "JSON"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return "YAML"
    return "TOML"


def decoded(text: str, form: Format) -> Any:
    """The document that a text holds. `Malformed` for another, and for what JSON cannot hold, such as a date."""
    document = {"JSON": _json, "YAML": _yaml, "TOML": _toml}[form](text)
    for pointer, what in _foreign(document, ""):
        raise Malformed(f"holds {what} at {pointer or '/'}; put it in quotes if it is a text")
    return document


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Malformed(f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:  # an integer of thousands of digits
        raise Malformed(f"is not JSON: {error}") from None


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"is not TOML: {error}") from None


def _yaml(text: str) -> Any:
    import re

    import yaml

    class Loader(yaml.SafeLoader):
        """Without aliases, which would let a short text become a large one."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
                raise Malformed(f"has an alias in line {line}: write the value out")
            return super().compose_node(parent, index)

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^{FLOAT}$"), list("-+.0123456789"))
    try:
        return yaml.load(text, Loader)  # noqa: S506 a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise Malformed(f"is not YAML: {place}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Malformed(f"is not YAML: {error}") from None


def _foreign(value: object, pointer: str) -> Iterator[tuple[str, str]]:
    """Where a document holds what JSON cannot, and what that is."""
    match value:
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str):
                    yield pointer, f"the key {key!r}, which is no text,"
                yield from _foreign(inner, f"{pointer}/{key}")
        case list():
            for at, inner in enumerate(value):
                yield from _foreign(inner, f"{pointer}/{at}")
        case float() if not math.isfinite(value):
            yield pointer, f"{value}, which is no JSON number,"
        case None | str() | bool() | int() | float():
            return
        case _:
            yield pointer, f"a {type(value).__name__}"


def _no_number(name: str) -> float:
    raise Malformed(f"holds {name}, which is no JSON number")
