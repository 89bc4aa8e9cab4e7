"""Our static files and the plotly.js of the installed wheel, as bytes with the headers they are served with."""

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
    spec = importlib.util.find_spec("plotly")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            # mtime=0: the same bytes, and so the same ETag, from every process
            return _asset(gzip.compress(path.read_bytes(), GZIP_LEVEL, mtime=0), MEDIA_TYPES[".js"])
    raise FileNotFoundError("the installed plotly wheel carries no package_data/plotly.min.js")


def _asset(body: bytes, media_type: str) -> Asset:
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
