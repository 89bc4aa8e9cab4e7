"""Everything that can be set, with its default. Each field is read from `EFFSCALE_<NAME>`."""

import ipaddress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.compiler.reports import MAX_PACK

COMPILE_CACHE_BYTES = 4 * 2**30  # thousands of programs: one of a search candidate takes 0.6 MB (measured, CPU)

LOOPBACK_NAMES = ("localhost",)
DATABASES = ("sqlite", "postgresql", "postgres", "postgresql+psycopg")  # schemes of a URL


def _database(url: str) -> str:
    try:
        is_database = urlsplit(url).scheme in DATABASES and (urlsplit(url).port or True)
    except ValueError:
        is_database = False
    if not is_database or "://" not in url:  # a URL may hold a password: it is not repeated
        raise ValueError("not the URL of a database; it looks like postgresql://HOST:PORT/NAME or sqlite:////PATH")
    return url


def _server(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_server = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_server = False
    if not is_server:
        raise ValueError(f"{url!r} is not the address of a server; it looks like http://127.0.0.1:8000")
    return url


def _key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("holds characters that no API key has: keys are printable ASCII without blanks")
    return key


class Settings(BaseSettings):
    """A frozen value, handed to whoever needs it; nothing reads the environment by itself."""

    model_config = SettingsConfigDict(env_prefix="EFFSCALE_", frozen=True, extra="ignore")

    data_dir: Annotated[Path, Field(description="Database file, checkpoints, exports, data sets, weights.")] = Path(
        "effscale-data"
    )
    database_url: Annotated[
        Annotated[str, AfterValidator(_database)] | None,
        Field(description="`postgresql://…` for PostgreSQL; unset: a SQLite file in data_dir."),
    ] = None
    host: Annotated[str, Field(description="Address the API binds. Anything but loopback needs an API key.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Field(ge=0, le=65_535, description="Port the API binds.")] = 8000
    lease_seconds: Annotated[
        float, Field(ge=0.2, le=86_400, description="A worker silent for this long loses its lease.")
    ] = 30.0
    sweep_seconds: Annotated[float, Field(ge=0.05, le=3600, description="How often expired leases are looked for.")] = (
        5.0
    )
    max_attempts: Annotated[int, Field(ge=1, le=100, description="Attempts before a trial is quarantined.")] = 3
    max_body_bytes: Annotated[int, Field(ge=1024, description="Largest request body, checkpoints excepted.")] = (
        1_048_576
    )
    max_checkpoint_bytes: Annotated[int, Field(ge=1024, description="Largest checkpoint.")] = 2_147_483_648
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Field(description="Log level.")] = "info"
    server: Annotated[
        str, AfterValidator(_server), Field(description="Service that the client commands and workers talk to.")
    ] = "http://127.0.0.1:8000"
    api_key: Annotated[
        Annotated[SecretStr, AfterValidator(_key)] | None,
        Field(description="API key that the client commands and workers send."),
    ] = None
    checkpoint_seconds: Annotated[
        float,
        Field(ge=0, le=86_400, description="A worker saves a checkpoint this long after the last; 0: every epoch."),
    ] = 5.0
    compile_cache_dir: Annotated[
        Path | None, Field(description="Compiled programs are kept here; unset: a directory in the user's cache.")
    ] = None
    compile_cache_max_bytes: Annotated[
        int,
        Field(ge=1_048_576, description="Beyond this the programs not used for longest are removed."),
    ] = COMPILE_CACHE_BYTES

    memory_limit_bytes: Annotated[
        int | None,
        Field(ge=1_048_576, description="A training that needs more is not begun; unset: what the device has."),
    ] = None
    compile_ahead: Annotated[
        Literal["auto", "on", "off"],
        Field(description="Compile the next network beside a training; auto: on accelerators, or with 4 CPU cores."),
    ] = "auto"
    pack: Annotated[
        Literal["auto", "off"] | Annotated[int, Field(ge=1, le=MAX_PACK)],
        Field(
            description="Seeds of one network that a worker trains as one program, at most; auto: 8 on an accelerator, "
            "1 on CPUs, where in turn is faster."
        ),
    ] = "auto"

    @cached_property
    def url(self) -> str:
        """The database URL that is really used."""
        if self.database_url is None:
            return f"sqlite:///{(self.data_dir / 'effscale.db').absolute()}"
        for plain in ("postgresql://", "postgres://"):
            if self.database_url.startswith(plain):
                return "postgresql+psycopg://" + self.database_url.removeprefix(plain)
        return self.database_url

    @cached_property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the API."""
        if self.host in LOOPBACK_NAMES:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
