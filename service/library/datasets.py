"""Where the registered data sets of a data directory lie."""

from pathlib import Path

from models.data.registry import Registry

FOLDER = "datasets"


def datasets_dir(data_dir: Path) -> Path:
    """The directory below which `effscale datasets add` registers, and from which trainers read."""
    return data_dir / FOLDER


def registry_of(data_dir: Path) -> Registry:
    """The built-in data sets and those registered in a data directory."""
    return Registry(datasets_dir(data_dir))
