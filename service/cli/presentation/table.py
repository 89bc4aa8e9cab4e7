"""The one table of all commands: no wider than the terminal, or tab-separated where there is none.

On a terminal the least important columns are left out until the rest fits, and a line below the table names them.
Ids, numbers and states stay in one piece; sentences are wrapped between words. In a file or a pipe every column is
there, under one line of headings, with values as JSON has them: no thousands separators, no units, nothing for null.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from service.cli.presentation.output import plain, show
from service.cli.presentation.screen import columns as screen_columns
from service.cli.presentation.screen import fill, remark, width_of, wrapped

GAP = 2  # blanks between two columns
TEXT_COLUMNS = 24  # a wrapped column is not squeezed below this: narrower, a sentence cannot be read
LONGEST_NUMBER = 30  # characters: an interval of two percentages fits


@dataclass(frozen=True)
class Column:
    """One column. Where not all fit, those with the largest `priority` are left out first, those with 0 never.

    `form` makes of a value what a person reads; `wraps` is for sentences and lists of words, which are not
    squeezed below `least` characters.
    """

    name: str
    priority: int = 0
    form: Callable[[Any], str] = show
    wraps: bool = False
    least: int = TEXT_COLUMNS


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], *, wide: bool = False, more: str = "--wide shows them"
) -> None:
    """Rows under headings; numbers stand right, what is missing is a dash. `more` says how to see what was left out."""
    values, screen = [list(row) for row in rows], screen_columns()
    if screen is None:
        lines = [[column.name for column in columns], *([plain(value) for value in row] for row in values)]
        print("\n".join("\t".join(line) for line in lines))
        return
    cells = [[_text(column.form(value)) for column, value in zip(columns, row, strict=True)] for row in values]
    natural, least = _widths(columns, cells)
    chosen = list(range(len(columns))) if wide else _fitting(columns, least, screen)
    widths = _given(natural, least, chosen, None if wide else screen)
    numeric = {at for at in chosen if all(_stands_right(row[at]) for row in cells)}
    heading = [column.name for column in columns]
    print(_line([heading[at] for at in chosen], chosen, widths, numeric))
    print("─" * (sum(widths.values()) + GAP * (len(chosen) - 1)))
    for row in cells:
        parts = {at: wrapped(row[at], widths[at]) if columns[at].wraps else [row[at]] for at in chosen}
        for step in range(max(map(len, parts.values()))):
            texts = [parts[at][step] if step < len(parts[at]) else "" for at in chosen]
            print(_line(texts, chosen, widths, numeric))
    if left := [column.name for at, column in enumerate(columns) if at not in chosen]:
        remark(f"not shown: {', '.join(left)}; {more}")


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line: a table of two columns without headings."""
    values, screen = list(rows), screen_columns()
    if screen is None:
        print("\n".join(f"{name}\t{plain(value)}" for name, value in values))
        return
    width = max((width_of(name) for name, _ in values), default=0)
    for name, value in values:
        first, *rest = wrapped(_text(show(value)), max(TEXT_COLUMNS, screen - width - GAP))
        print(f"{fill(name, width + GAP)}{first}".rstrip())
        for line in rest:
            print(" " * (width + GAP) + line)


def _text(shown: str) -> str:
    """On one line, and without what would move the cursor."""
    line = " ".join(shown.split())
    return (
        line
        if line.isprintable()
        else "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
    )


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
    """Of each column, what it takes in one line, and the least that breaks no word."""
    natural, least = [], []
    for at, column in enumerate(columns):
        texts = [column.name, *(row[at] for row in cells)]
        natural.append(max(map(width_of, texts)))
        words = [width_of(word) for text in texts[1:] for word in text.split()]
        squeezed = max([min(natural[at], column.least), width_of(column.name), *words])
        least.append(squeezed if column.wraps else natural[at])
    return natural, least


def _fitting(columns: Sequence[Column], least: Sequence[int], screen: int) -> list[int]:
    """Places of the columns that are shown."""
    chosen = list(range(len(columns)))
    for at in sorted(chosen, key=lambda at: (-columns[at].priority, -at)):
        if columns[at].priority == 0 or sum(least[at] for at in chosen) + GAP * (len(chosen) - 1) <= screen:
            break
        chosen.remove(at)
    return chosen


def _given(natural: Sequence[int], least: Sequence[int], chosen: Sequence[int], screen: int | None) -> dict[int, int]:
    """Width of each shown column: what is to spare goes to sentences, in turn."""
    if screen is None:
        return {at: natural[at] for at in chosen}
    spare = max(0, screen - sum(least[at] for at in chosen) - GAP * (len(chosen) - 1))
    widths = {at: least[at] for at in chosen}
    for at in chosen:
        extra = min(spare, natural[at] - least[at])
        widths[at] += extra
        spare -= extra
    return widths


def _line(texts: Sequence[str], chosen: Sequence[int], widths: dict[int, int], numeric: set[int]) -> str:
    cells = [fill(text, widths[at], right=at in numeric) for text, at in zip(texts, chosen, strict=True)]
    return (" " * GAP).join(cells).rstrip()


def _stands_right(text: str) -> bool:
    """A number or an interval of numbers, or nothing; a sentence may begin with a digit, too."""
    return text in ("-", "") or (text.lstrip("-")[:1].isdigit() and len(text) < LONGEST_NUMBER)
