"""The sides of a comparison: each a process of its own that is idle until it is asked."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BENCH_PYTHON = ROOT / "build" / "bench" / "bin" / "python"  # made by `make bench`
# Threads of a parallel library spin for a while after their work (OpenMP: up to 0.2 s by default); not in others' time
SETTLE_SECONDS = 0.3
LAST_CHARACTERS = 2000  # of a dead process's standard error


class Missing(Exception):
    """A library that a comparison needs is nowhere; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A program to compare: what it is called, its module, the libraries it needs, and what `load` is told besides."""

    name: str
    module: str
    needs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


class Contender:
    """One running side. `ask` waits for its answer."""

    def __init__(self, module: str, python: str = sys.executable) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed with the process
        self._process = subprocess.Popen(
            [python, "-m", module],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Its answer, asked for when the others have come to rest; RuntimeError with its last words when it failed."""
        order = json.dumps({"do": do, **arguments})
        time.sleep(SETTLE_SECONDS)
        try:
            print(order, file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            self._errors.seek(0)
            raise RuntimeError(f"{answer['error']}\n{self._errors.read()[-LAST_CHARACTERS:]}")
        return answer

    def close(self) -> None:
        """End it."""
        with suppress(BrokenPipeError):  # it has died, and `ask` told why
            self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._errors.close()


def environment() -> dict[str, str]:
    """Of a side: without bytecode in the tree, and without settings of the service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EFFSCALE_")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


def interpreter(*libraries: str) -> str:
    """A Python that has these: ours, that of TORCH_PYTHON, or that of build/bench. Raises `Missing`."""
    if all(importlib.util.find_spec(library) for library in libraries):
        return sys.executable
    places = os.environ.get("TORCH_PYTHON", ""), str(BENCH_PYTHON)
    named = [place for place in places if shutil.which(place)]
    check = f"import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, {libraries!r})))"
    for python in named:
        if subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0:
            return python
    seen = f"neither here nor in {' or '.join(named)}" if named else "not here"
    raise Missing(
        f"{' and '.join(libraries)}: {seen}; install effscale[bench] in an environment of its own and name its "
        "interpreter in TORCH_PYTHON"
    )


@contextmanager
def running(entrants: Mapping[str, tuple[str, str]]) -> Iterator[dict[str, Contender]]:
    """Those sides, by key, from (module, interpreter); all end with the block."""
    with ExitStack() as stack:
        sides = {}
        for key, (module, python) in entrants.items():
            sides[key] = Contender(module, python)
            stack.callback(sides[key].close)
        yield sides
