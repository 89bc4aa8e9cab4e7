"""The terminal that standard output may be, and sentences that fit it."""

import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

USUAL_COLUMNS = 80  # of a terminal that does not tell, such as a serial line


def columns(stream: TextIO | None = None) -> int | None:
    """Width of the terminal that a stream (standard output) is; None for a file or a pipe. `COLUMNS` overrides it."""
    stream = stream or sys.stdout
    if not stream.isatty():
        return None
    chosen = os.environ.get("COLUMNS", "")
    if chosen.isdecimal() and int(chosen) > 0:
        return int(chosen)
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    except OSError:
        return USUAL_COLUMNS


def console() -> "Console":
    """For what is drawn over itself."""
    from rich.console import Console

    return Console(highlight=False)


def remark(text: str) -> None:
    """A sentence about what was printed. Without a terminal it goes to standard error: the output is for programs."""
    prose(text, sys.stderr if columns() is None else sys.stdout)


def next_commands(*commands: str) -> None:
    """What to type next; a command is not wrapped, so that it can be copied."""
    lines = [f"{'next:' if at == 0 else '     '} {command}" for at, command in enumerate(commands)]
    print("\n".join(lines), file=sys.stderr if columns() is None else sys.stdout)


def prose(text: str, stream: TextIO) -> None:
    """Lines of prose; on a terminal they are wrapped between words, each behind its own indentation."""
    width = columns(stream)
    for line in text.splitlines():
        start = line[: len(line) - len(line.lstrip())]
        parts = [line] if width is None else [start + part for part in wrapped(line, width - len(start))]
        print("\n".join(parts), file=stream, flush=True)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most that width; a longer word has a line of its own and is not broken.

    >>> wrapped("trial 7 at 95 %; see s_0123456789", 12)
    ['trial 7 at', '95 %; see', 's_0123456789']
    """
    lines = [""]
    for word in re.findall(r"\S+(?: %\S*)*", text):  # a number stays with its percent sign
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and width_of(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def width_of(text: str) -> int:
    """Columns that a text takes; Chinese characters take two each."""
    from rich.cells import cell_len

    return cell_len(text)


def fill(text: str, width: int, *, right: bool = False) -> str:
    """The text with blanks behind it, or before it, up to a width."""
    blanks = " " * max(0, width - width_of(text))
    return f"{blanks}{text}" if right else f"{text}{blanks}"
