"""Our static files, and plotly.js and Swagger UI of installed wheels, as bytes with their headers."""

import gzip
import hashlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")
GZIP_LEVEL = 6  # zlib's default: 4.8 MB of plotly.js become 1.5 MB in 0.3 s, once a process


@dataclass(frozen=True, slots=True)
class Asset:
    """A file to serve. `tag` is a quoted ETag."""

    body: bytes
    media_type: str
    tag: str


@lru_cache(maxsize=1)
def own() -> dict[str, Asset]:
    """Our static files by name. The folder is flat, and only what is listed here is ever served."""
    files = sorted(path for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES)
    return {path.name: _asset(path.read_bytes(), MEDIA_TYPES[path.suffix]) for path in files}


@lru_cache(maxsize=1)
def revision() -> str:
    """12 hexadecimal digits that change whenever one of our files does: they stand in the address of each.

    ES modules import each other by relative addresses, so they all come from the same revision.
    """
    return hashlib.sha256("".join(asset.tag for asset in own().values()).encode()).hexdigest()[:12]


def plotly_version() -> str:
    """The version of the plotly wheel, without importing it (0.2 s)."""
    return version("plotly")


@lru_cache(maxsize=1)
def plotly() -> Asset:
    """plotly.js as the wheel carries it, gzipped. Found without importing plotly.

    Raises `FileNotFoundError` when the wheel carries none.
    """
    return _of_wheel("plotly", "package_data/plotly.min.js")


def swagger_version() -> str:
    """The version of the wheel that carries Swagger UI."""
    return version("fastapi-offline")


@lru_cache(maxsize=1)
def swagger() -> dict[str, Asset]:
    """Swagger UI as the wheel of fastapi-offline carries it, gzipped, by file name. That package is not imported."""
    return {name: _of_wheel("fastapi_offline", f"static/{name}") for name in SWAGGER}


def _of_wheel(package: str, file: str) -> Asset:
    """A file that an installed package carries, gzipped; found without importing the package."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / file
        if path.is_file():
            # mtime=0: the same bytes, and so the same ETag, from every process
            return _asset(gzip.compress(path.read_bytes(), GZIP_LEVEL, mtime=0), MEDIA_TYPES[path.suffix])
    raise FileNotFoundError(f"the installed {package} wheel carries no {file}")


def _asset(body: bytes, media_type: str) -> Asset:
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
