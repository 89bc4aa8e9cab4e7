"""What works on this machine and what does not, each as one finding. Nothing is changed."""

import json
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from models.cache_dir import private, user_cache
from models.child_process import child_command
from models.wording import decimal_size
from service.client.errors import ClientError
from service.errors import ServiceError
from service.settings import Settings
from service.store.database import open_engine
from service.store.revision import check_current
from service.trainer.compile_cache import holdings
from service.version import versions

PROBE_SECONDS = 180  # for importing JAX and one tiny compilation; a cold disk takes a minute
LOW_DISK_BYTES = 1 << 30  # a long search with checkpoints of large networks
NEEDED = ("jax", "jaxlib", "flax", "optax", "optuna", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str

    def document(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


def diagnose(settings: Settings) -> list[Finding]:
    """Everything, in the order in which it is needed."""
    return [libraries(), *training(settings), database(settings), disk(settings), server(settings)]


def libraries() -> Finding:
    """Versions; a library that is missing is a failure."""
    found = versions()
    missing = [name for name in NEEDED if found.get(name) == "not installed"]
    text = ", ".join(f"{name} {version}" for name, version in {"python": platform.python_version(), **found}.items())
    return Finding("versions", "failed" if missing else "ok", f"missing: {', '.join(missing)}" if missing else text)


def training(settings: Settings) -> list[Finding]:
    """Devices, the CPU kernels, and whether a second process finds what the first one compiled."""
    try:
        cache = private(settings.compile_cache_dir or user_cache() / "compiled")
        with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
            first, second = probe(Path(folder)), probe(Path(folder))
    except (OSError, ProbeFailed) as error:
        return [Finding("devices", "failed", str(error))]
    names = ", ".join(f"{device['platform']} ({device['kind']})" for device in first["devices"])
    seconds = f"{first['seconds']:.2f} s, then {second['seconds']:.2f} s"
    held, limit = holdings(cache), settings.compile_cache_max_bytes
    seconds += f"; {held.entries:,} files, {decimal_size(held.size)} of at most {decimal_size(limit)}"
    hit = Finding("compile cache", "ok", f"{cache} is used: {seconds}")
    miss = Finding("compile cache", "warning", f"{cache} is not used, every worker compiles anew: {seconds}")
    return [Finding("devices", "ok", names), *native(first), hit if second["hit"] else miss]


def native(probed: Mapping[str, Any]) -> list[Finding]:
    """Whether trainings on this CPU use the kernels; nothing where there is an accelerator."""
    if probed["kernels"] is None:
        return []
    if probed["kernels"]["ok"]:
        return [Finding("CPU kernels", "ok", probed["kernels"]["detail"])]
    return [Finding("CPU kernels", "warning", f"not used, training is slower: {probed['kernels']['detail']}")]


class ProbeFailed(Exception):
    """JAX does not run here."""


def probe(cache: Path) -> dict[str, Any]:
    """One run of `service.trainer.compile_probe` in a process of its own."""
    command = child_command("service.trainer.compile_probe", str(cache))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ProbeFailed(f"JAX did not compile anything within {PROBE_SECONDS} s") from None
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise ProbeFailed(f"JAX does not run: {last[0][:300]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def database(settings: Settings) -> Finding:
    """Whether it answers and is at this version's migration."""
    if settings.database_url is None and not (settings.data_dir / "effscale.db").exists():
        return Finding("database", "ok", f"none yet in {settings.data_dir}; 'effscale up' makes it")
    engine = open_engine(settings.url)
    try:
        check_current(engine)
    except ServiceError as error:
        return Finding("database", "failed", str(error))
    finally:
        engine.dispose()
    return Finding("database", "ok", f"{engine.dialect.name}, migrated")


def disk(settings: Settings) -> Finding:
    """Room for checkpoints and exports where the data directory is, or will be."""
    place = settings.data_dir.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{decimal_size(free)} free in {settings.data_dir}"
    return Finding("disk", "ok" if free >= LOW_DISK_BYTES else "warning", text)


def server(settings: Settings) -> Finding:
    """Whether a service answers; none running is no failure."""
    from service.client.client import Client
    from service.client.connection import Connection

    try:
        key = None if settings.api_key is None else settings.api_key.get_secret_value()
        with Client(Connection(settings.server, key, tries=1)) as client:
            client.ready()
    except ClientError as error:
        return Finding("server", "warning", str(error))
    return Finding("server", "ok", f"{settings.server} is ready")
