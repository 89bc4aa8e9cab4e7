"""The compiled kernels: found, or built with the machine's C++ compiler, and registered with XLA.

They are machine code for an instruction set level, not for one machine: the file's name says which, and a hash of the
sources and of the interface they were compiled against. It is looked for beside the Python environment (where `make
setup` and the images put it), then in the user's cache, where it is built when a compiler is there.
"""

import ctypes
import fcntl
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jax

from models.cache_dir import private, user_cache

SOURCES = Path(__file__).parent
CALLS = (
    "depthwise_forward", "depthwise_backward", "norm_forward", "norm_backward", "sum_pixels", "excite_forward",
    "excite_backward", "cut",
)  # fmt: skip
# No -ffast-math: not a number must stay one, and sums keep the order in which they are written
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-ffp-contract=fast", "-fPIC", "-shared", "-w")
# Instruction sets of the x86-64 levels (System V ABI supplement), highest first, as /proc/cpuinfo names them
LEVELS = {
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2", "fma", "bmi2"},
    "x86-64-v3": {"avx2", "fma", "bmi2"},
}
COMPILERS = ("c++", "g++", "clang++")
WORDS = 300  # characters of the compiler's message that are shown
BUILD_SECONDS = 300.0  # it takes 20; a loaded machine takes longer

log = logging.getLogger("effscale.native")


@dataclass(frozen=True, slots=True)
class Kernels:
    """Whether the kernels are in use, and which file, or why not."""

    usable: bool
    detail: str


class CannotBuild(Exception):
    """There is no compiler, or it does not take the sources."""


@lru_cache(maxsize=1)
def kernels() -> Kernels:
    """Register the kernels with XLA, once a process; builds them if need be."""
    try:
        path = built_library() or build(private(user_cache() / "native"))
        register(path)
    except (CannotBuild, OSError) as error:
        log.warning("the CPU kernels are not used, training is slower: %s", error)
        return Kernels(usable=False, detail=str(error))
    return Kernels(usable=True, detail=str(path))


def level() -> str:
    """The instruction set that this machine's kernels are compiled for.

    `generic` is what the compiler takes by itself.
    """
    if platform.machine() != "x86_64":
        return "generic"
    return next((name for name, needs in LEVELS.items() if needs <= features()), "generic")


@lru_cache(maxsize=1)
def features() -> frozenset[str]:
    """What this machine's processor says that it can do, in the kernel's words; nothing where nobody says."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="ascii", errors="replace").splitlines() if info.is_file() else []
    return next((frozenset(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), frozenset())


def file_name(target: str) -> str:
    """Of the compiled kernels for an instruction set."""
    return f"kernels-{fingerprint()}-{target}.so"


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Another source, JAX, compiler flag or machine, another one. Every call that is traced asks for it."""
    digest = hashlib.sha256(f"{jax.__version__} {platform.system()} {platform.machine()} {FLAGS}".encode())
    for source in sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.cc")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def beside_environment() -> Path:
    """Where `python -m models.native` puts the kernels: with the environment, so that they go when it goes."""
    return Path(sys.prefix) / "share" / "effscale"


def built_library() -> Path | None:
    """The kernels for this machine, where they have been built."""
    name = file_name(level())
    places = beside_environment() / name, user_cache() / "native" / name
    return next((path for path in places if path.is_file()), None)


def build(directory: Path, target: str | None = None) -> Path:
    """Compile the kernels into a directory; processes that want the same wait for the first one.

    Raises `CannotBuild` with the compiler's words.
    """
    target = target or level()
    path = directory / file_name(target)
    compiler = next((program for name in COMPILERS if (program := shutil.which(name))), None)
    if compiler is None:
        raise CannotBuild(f"no C++ compiler on the PATH ({', '.join(COMPILERS)})")
    with (directory / "building.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            _compile(compiler, target, path)
    return path


def _compile(compiler: str, target: str, path: Path) -> None:
    handle, unfinished = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(handle)
    machine = () if target == "generic" else (f"-march={target}", "-mprefer-vector-width=512")
    command = [compiler, *FLAGS, *machine, f"-I{jax.ffi.include_dir()}", str(SOURCES / "kernels.cc"), "-o", unfinished]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        if done.returncode:
            message = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
            raise CannotBuild(f"{compiler} does not compile the kernels: {message[:WORDS]}")
        Path(unfinished).replace(path)
    except subprocess.TimeoutExpired:
        raise CannotBuild(f"{compiler} did not compile the kernels within {BUILD_SECONDS:g} s") from None
    finally:
        Path(unfinished).unlink(missing_ok=True)


def target_name(call: str) -> str:
    """What XLA knows a kernel as. It stands in compiled programs, which must not outlive a change of the kernel."""
    return f"effscale_{call}_{fingerprint()}"


def register(path: Path) -> None:
    """Make the calls of a file known to XLA."""
    library = ctypes.CDLL(str(path))
    for call in CALLS:
        jax.ffi.register_ffi_target(target_name(call), jax.ffi.pycapsule(getattr(library, f"{call}_call")), "cpu")
