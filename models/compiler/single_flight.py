"""A memory of what takes long to make, for several threads: each thing is made once, and waited for by who needs it."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from functools import _CacheInfo

V = TypeVar("V")


class Shelf(Generic[V]):
    """What `make` gives, the last `size` of it, by its arguments.

    While one thread makes something, others that ask for the same wait; those that ask for something else do not. When
    making fails, each of those who wait tries for itself.
    """

    def __init__(self, make: Callable[..., V], size: int) -> None:
        self._kept = lru_cache(maxsize=size)(make)
        self._guard = Lock()
        self._turns: WeakValueDictionary[Hashable, Lock] = WeakValueDictionary()  # one lives while somebody holds it

    def get(self, *arguments: Hashable) -> V:
        """From the cache, or made now."""
        with self._turn(arguments):
            return self._kept(*arguments)

    def cache_info(self) -> "_CacheInfo":
        """As `functools.lru_cache` tells it: `misses` is how much was made."""
        return self._kept.cache_info()

    @contextmanager
    def _turn(self, key: Hashable) -> Iterator[None]:
        with self._guard:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            yield
