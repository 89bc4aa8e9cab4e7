"""Words that a reader would have to learn, and what to say instead. `docs/glossary.md` has the terms that are used."""

import re
from typing import NamedTuple


class Forbidden(NamedTuple):
    """A pattern over a line of text, and what to say instead."""

    pattern: re.Pattern[str]
    instead: str


def _forbidden(pattern: str, instead: str) -> Forbidden:
    return Forbidden(re.compile(pattern, re.IGNORECASE), instead)


# Private words of an earlier layout, and English that is not at first sight clear to a reader of another language
FORBIDDEN = (
    _forbidden(r"\bforetell\w*", "predict"),
    _forbidden(r"\bwho is told from\b|\bcan(?:not)? be told from\b", "is (not) significantly worse than"),
    _forbidden(r"\bfor you to find it again\b", "your own labels; shown with the search"),
    _forbidden(r"\blearn(?:s|ed|t)? by heart\b", "memorize"),
    _forbidden(r"\bthe search is (?:succeeded|failed)\b", "the search succeeded, the search failed"),
    _forbidden(r"\b(?<![\d.,])1 (?:trials|runs|networks|epochs|seeds|classes|images|workers|searches)\b", "singular"),
    _forbidden(r"\bTrainings that need not be done\b", "reuses the stored result of an identical training"),
    _forbidden(r"\b(?:a|the) worker'?s hold on\b", "the state of a lease inside a worker"),
    _forbidden(
        r"\bservice[./](?:kernel|bell|guard|hold|reach|member|keeper|settling|verdict|lifeline)\b", "a room's file"
    ),
    _forbidden(r"\bmodels[./](?:method|feed|kept|shelf|ops|parts)\b", "a room's file"),
    _forbidden(r"\bepitaph\b", "exit message"),
    _forbidden(r"\b(?:utilize|utilise)[sd]?\b", "use"),
    _forbidden(r"\blonel(?:y|ier|iest)\b", "with the fewest others near it"),
)


def found(text: str) -> list[tuple[int, str, str]]:
    """(line from 1, the words, what to say instead) of every forbidden expression in a text."""
    return [
        (number, match[0], word.instead)
        for number, line in enumerate(text.splitlines(), 1)
        for word in FORBIDDEN
        if (match := word.pattern.search(line)) is not None
    ]
