"""How long to wait before trying again."""

import random
from collections.abc import Callable

FIRST_SECONDS = 0.1  # a restarting server is often back this fast
MOST_SECONDS = 5.0  # reliability.md R20: back within 5 s after an outage


class Backoff:
    """Delays in seconds that double from `first` to `most`, each between half of itself and the whole (jitter)."""

    def __init__(
        self, first: float = FIRST_SECONDS, most: float = MOST_SECONDS, chance: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._most = most
        self._chance = chance
        self._next = first

    def delay(self, at_least: float = 0.0) -> float:
        """The next delay; never below `at_least` (a server's Retry-After), never above `most` by itself."""
        whole, self._next = self._next, min(self._next * 2, self._most)
        return max(at_least, whole * (0.5 + self._chance() / 2))

    def reset(self) -> None:
        """Begin again with the shortest delay."""
        self._next = self._first
