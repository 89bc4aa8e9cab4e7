"""From the name of a data set to its images: the built-in ones, and those registered below a directory."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import cast

from models.data.dataset import Dataset
from models.data.mapped import open_registered
from models.data.registry import Registry, cache_px

LOADERS: Mapping[str, str] = MappingProxyType(
    {"digits": "models.data.builtin.digits", "shapes": "models.data.builtin.shapes"}
)


def load(name: str, directory: Path | None = None, *, px: int | None = None) -> Dataset:
    """The data set of that name, built in or registered below `directory`; read once a process.

    `px` is the largest resolution that will be asked for: where the cache of a registered one is smaller than that and
    than the images are, a larger one is made first, once (minutes; it is logged). `UnknownDataset` names those there
    are; `InvalidDataset` and `SourceChanged` say what is damaged or gone.
    """
    info = Registry(directory).get(name)
    if directory is None or not info.registered:
        return _built_in(name)
    return _registered(directory, name, info.content_hash, cache_px(info, px))


@lru_cache(maxsize=4)
def _built_in(name: str) -> Dataset:
    loader = cast(Callable[[], Dataset], import_module(LOADERS[name]).load)
    return loader()


@lru_cache(maxsize=4)
def _registered(directory: Path, name: str, content_hash: str, px: int) -> Dataset:  # noqa: ARG001 part of the key
    """`content_hash` tells a data set from an earlier one of its name."""
    return open_registered(directory, name, px)
