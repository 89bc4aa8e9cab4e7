"""Traced programs kept on disk beside JAX's cache of compiled ones.

JAX's cache is asked with the traced and lowered program, and to trace one takes several times as long as to load what
was compiled of it. So what tracing gives is kept too, under a name made of all that it is a function of: a program
seen before is neither traced nor compiled. Without a cache directory nothing is kept.
"""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, export

from models.native import calls, library

SUFFIX = ".traced"

log = logging.getLogger("effscale.models")

Flat = Callable[..., Sequence[Array]]


def lowered(run: Flat, shapes: Sequence[Any], donated: int, *identity: object) -> Any:
    """`run`, a function of arrays of these shapes that gives arrays, ready to be compiled; the first are `donated`.

    `identity` is, by its representation, all that `run` is made of besides the sources of this package.
    """
    numbers = tuple(range(donated))
    directory = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]  # added to it when JAX is loaded
    if not directory:
        return jax.jit(run, donate_argnums=numbers).lower(*shapes)
    path = Path(directory) / f"{_name(shapes, donated, *identity)}{SUFFIX}"
    kept = _read(path)
    if kept is None:
        checks = [export.DisabledSafetyCheck.custom_call(library.target_name(call)) for call in library.CALLS]
        traced = export.export(jax.jit(run, donate_argnums=numbers), disabled_checks=checks)(*shapes)
        # what was read and what was traced now must be the same to the byte, or JAX's cache would hold both
        kept = export.deserialize(_write(path, bytes(traced.serialize())))
    return jax.jit(kept.call, donate_argnums=numbers).lower(*shapes)


def _name(shapes: Sequence[Any], *identity: object) -> str:
    device = jax.devices()[0]
    floats = str(jnp.result_type(float))
    # `usable` asks for the CPU kernels on CPUs alone: elsewhere they need not be built
    machine = jax.default_backend(), device.device_kind, jax.local_device_count(), floats, calls.usable()
    arrays = [(shape.shape, str(shape.dtype)) for shape in shapes]
    return hashlib.sha256(repr((_sources(), machine, arrays, identity)).encode()).hexdigest()


@lru_cache(maxsize=1)
def _sources() -> str:
    """Of this package and of the libraries that trace: what they trace may change with any of them."""
    digest = hashlib.sha256(repr((jax.__version__, flax.__version__, np.__version__)).encode())
    folder = Path(__file__).parent
    for source in sorted([*folder.rglob("*.py"), *folder.rglob("*.h"), *folder.rglob("*.cc")]):
        digest.update(str(source.relative_to(folder)).encode() + source.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> export.Exported | None:
    """None when it is not there, or damaged: it is then traced again."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, body = data[:32], data[32:]
    if hashlib.sha256(body).digest() != digest:
        log.warning("%s is damaged and is made again", path)
        return None
    return export.deserialize(bytearray(body))


def _write(path: Path, body: bytes) -> bytearray:
    """Whole or not at all, with its SHA-256 before it. A disk that is full costs the next process the tracing."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(body).digest() + body)
        Path(file.name).replace(path)
    except OSError as error:
        log.warning("a traced program cannot be kept: %s", error)
    return bytearray(body)
