"""Whether JAX's cache on disk had a program: JAX says so in events, in the thread that asks."""

import threading
from functools import lru_cache

import jax

HIT_EVENT = "/jax/compilation_cache/cache_hits"  # recorded by jax/_src/compiler.py


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
