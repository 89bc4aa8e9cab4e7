"""Which kind of source a path is."""

from pathlib import Path

from models.data.sources.arrays import Arrays
from models.data.sources.folder import Folder
from models.data.sources.item import Source
from models.data.sources.parquet import Parquet
from models.errors import InvalidDataset

KINDS = "a folder of images, an .npz file, a .parquet file, or a folder of those"


def open_source(path: Path, scratch: Path) -> Source:
    """The source at `path`, by its name alone; `scratch` is a directory that it may use."""
    if not path.exists():
        raise InvalidDataset(f"there is nothing at {path}; expected {KINDS}")
    if path.suffix.lower() == ".npz":
        return Arrays(path, scratch)
    if path.suffix.lower() == ".parquet":
        return Parquet(path)
    if not path.is_dir():
        raise InvalidDataset(f"{path} is none of these: {KINDS}")
    if any(next(path.glob(pattern), None) is not None for pattern in ("*.parquet", "*/*.parquet")):
        return Parquet(path)
    return Folder(path)
