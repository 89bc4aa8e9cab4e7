"""Compiled programs kept on disk, under a name made of all that they are a function of.

JAX's own cache is asked with the traced and lowered program, and to trace and lower one takes several times as long as
to load what was compiled of it. A program kept here is loaded without either. Nothing is kept before `use` has named a
directory; what cannot be written, read or loaded is made anew.
"""

import hashlib
import logging
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import serialize_executable
from jax.stages import Compiled

from models.compiler import source_digest
from models.native import calls, library

SUFFIX = ".program"

log = logging.getLogger("effscale.models")

Flat = Callable[..., Sequence[Array]]
Options = Callable[[], dict[str, Any] | None]


class CompiledProgram(NamedTuple):
    """A compiled program, and whether the disk had it."""

    compiled: Compiled
    cached: bool


class _Cache:
    directory: Path | None = None


def use(directory: Path) -> None:
    """Keep programs there from now on, in this process. Whoever can write there decides what this process runs."""
    _Cache.directory = directory


def compiled(
    run: Flat, shapes: Sequence[Any], donated: int, options: Options, *identity: object, **placed: Any
) -> CompiledProgram:
    """`run`, a function of arrays of these shapes that gives a list of arrays; the first are `donated`.

    `options` are asked for when it must be compiled. `identity` is, by its representation, all that the function is
    made of besides the sources of this package. What is `placed` on several devices (arguments of `jax.jit`) is not
    kept: such trainings are few and long.
    """
    directory = None if placed else _Cache.directory
    path = None if directory is None else directory / f"{_name(shapes, donated, *identity)}{SUFFIX}"
    if path is not None and (found := _loaded(path, shapes)) is not None:
        return CompiledProgram(found, cached=True)
    made = jax.jit(run, donate_argnums=tuple(range(donated)), **placed).lower(*shapes).compile(options())
    if path is not None:
        _store(path, made)
    return CompiledProgram(made, cached=False)


def _name(shapes: Sequence[Any], *identity: object) -> str:
    device = jax.devices()[0]
    machine = jax.default_backend(), device.device_kind, device.client.platform_version, jax.local_device_count()
    # `usable` asks for the CPU kernels on CPUs alone: elsewhere they need not be built
    set_so = os.environ.get("XLA_FLAGS"), str(jnp.result_type(float)), calls.usable()
    arrays = [(shape.shape, str(shape.dtype)) for shape in shapes]
    return hashlib.sha256(repr((_sources(), _processor(), machine, set_so, arrays, identity)).encode()).hexdigest()


def _sources() -> tuple[str, ...]:
    """Of this package and of the libraries that trace and compile: what they make may change with any of them."""
    libraries = jax.__version__, version("jaxlib"), flax.__version__, np.__version__
    return *libraries, platform.python_version(), source_digest.digest()


@lru_cache(maxsize=1)
def _processor() -> tuple[str, ...]:
    """A directory may be shared by machines: code for the one may not run on the other."""
    return platform.machine(), *sorted(library.features())


def _loaded(path: Path, shapes: Sequence[Any]) -> Compiled | None:
    """None when it is not there, or damaged, or does not load."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, results, body = data[:32], int.from_bytes(data[32:36], "big"), data[36:]
    if hashlib.sha256(data[32:]).digest() != digest:
        log.warning("%s is damaged and is made again", path)
        return None
    taken, given = jax.tree.structure((tuple(shapes), {})), jax.tree.structure([0] * results)
    try:
        devices = jax.local_devices()[:1]
        loaded: Compiled = serialize_executable.deserialize_and_load(body, taken, given, execution_devices=devices)
    except Exception as error:  # noqa: BLE001 whatever stops it from loading, it can be made anew
        log.warning("%s cannot be loaded and is made again: %s", path, error)
        return None
    return loaded


def _store(path: Path, made: Compiled) -> None:
    """Whole or not at all, with its SHA-256 before it. A disk that is full costs the next process the compiling."""
    try:
        body, _, given = serialize_executable.serialize(made)
        stored = given.num_leaves.to_bytes(4, "big") + body
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(stored).digest() + stored)
        Path(file.name).replace(path)
    except (OSError, ValueError, NotImplementedError, jax.errors.JaxRuntimeError) as error:
        log.warning("a compiled program cannot be kept: %s", error)
