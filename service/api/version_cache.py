"""Values that a search determines as long as nothing of it changes: computed once for all who ask."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")
MOST = 256  # values; a figure of 2,000 trials is 1 MB at most


class VersionCache:
    """The latest values by key. A key holds all that its value depends on: search, version, what was asked for.

    Two that ask for the same at the same moment may both compute it.
    """

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of the key, computed if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return cast(T, self._values[key])
        value = compute()
        with self._lock:
            self._values[key] = value
            while len(self._values) > MOST:
                self._values.popitem(last=False)
        return value
