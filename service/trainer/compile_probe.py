"""`python -m service.trainer.compile_probe DIR`: one tiny compilation through the cache in DIR, told as a line of JSON,
and whether the CPU kernels are in use.
"""

import json
import sys
import time
from pathlib import Path

from service.trainer.trainer import devices, use_compile_cache


def main() -> None:
    """Compile and say on what, how long it took (seconds), and whether the cache had it."""
    import jax
    import jax.numpy as jnp

    from models.compiler import disk_cache
    from models.native.library import kernels

    use_compile_cache(Path(sys.argv[1]))
    found = devices()
    argument = jnp.ones((8, 8))
    started = time.perf_counter()
    program = disk_cache.compiled(lambda x: [jnp.tanh(x @ x).sum()], [argument], 0, lambda: None, "probe")
    jax.block_until_ready(program.compiled(argument))
    answer = {"devices": found, "seconds": time.perf_counter() - started, "hit": program.cached}
    native = kernels() if jax.default_backend() == "cpu" else None
    print(json.dumps({**answer, "kernels": None if native is None else {"ok": native.usable, "detail": native.detail}}))


if __name__ == "__main__":
    main()
