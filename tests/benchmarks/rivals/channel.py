"""How a side of a comparison is told what to do: one order a line, one answer a line. Standard library only."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any


def serve(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Obey until standard input ends. An order names its command in `do`; the rest are its arguments.

    What libraries print goes to standard error. A failure is answered as `error`, with its traceback there.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = commands[order.pop("do")](**order) or {}
        except Exception as error:  # noqa: BLE001 whoever asked decides what to make of it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
