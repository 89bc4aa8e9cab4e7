"""What it took to get at compiled programs: seconds, and whether JAX's cache on disk had them."""

import threading
from dataclasses import dataclass
from functools import lru_cache

import jax

HIT_EVENT = "/jax/compilation_cache/cache_hits"  # recorded by jax/_src/compiler.py, in the thread that compiles


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a training's programs took. The fields are those of its result.

    `compile_seconds` are those that the training waited for, `compiled_ahead_seconds` those that were over before it
    asked. A program that was at hand from an earlier training took nothing and is not counted.
    """

    compile_seconds: float = 0.0
    compiled_ahead_seconds: float = 0.0
    programs_compiled: int = 0
    programs_cached: int = 0  # found on disk

    def __add__(self, other: "Compilation") -> "Compilation":
        return Compilation(
            self.compile_seconds + other.compile_seconds,
            self.compiled_ahead_seconds + other.compiled_ahead_seconds,
            self.programs_compiled + other.programs_compiled,
            self.programs_cached + other.programs_cached,
        )


class _Heard(threading.local):
    hits: int = 0


_heard = _Heard()


@lru_cache(maxsize=1)
def _listen() -> None:
    def note(event: str, **_: str | int) -> None:
        if event == HIT_EVENT:
            _heard.hits += 1

    jax.monitoring.register_event_listener(note)


def hits() -> int:
    """A number that grows whenever this thread gets a program from the cache on disk, from the first call on."""
    _listen()
    return _heard.hits
