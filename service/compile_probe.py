"""`python -m service.compile_probe DIR`: one tiny compilation through the cache in DIR, told as a line of JSON."""

import json
import sys
import time
from pathlib import Path

from service.trainer import devices, use_compile_cache

HIT_EVENT = "/jax/compilation_cache/cache_hits"  # recorded by jax/_src/compiler.py


def main() -> None:
    """Compile and say on what, how long it took (seconds), and whether the cache had it."""
    import jax
    import jax.numpy as jnp

    use_compile_cache(Path(sys.argv[1]))
    events: list[str] = []

    def note(event: str, **_: str | int) -> None:
        events.append(event)

    jax.monitoring.register_event_listener(note)
    found = devices()
    argument = jnp.ones((8, 8))
    started = time.perf_counter()
    jax.block_until_ready(jax.jit(lambda x: jnp.tanh(x @ x).sum())(argument))
    print(json.dumps({"devices": found, "seconds": time.perf_counter() - started, "hit": HIT_EVENT in events}))


if __name__ == "__main__":
    main()
