"""Which workers have asked this process for work lately. Those that hold a lease stand in the tables; these do not."""

import threading


class IdleWorkers:
    """Names of workers, each with the time (seconds since 1970) until which it counts as alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def asked(self, worker: str, until: float) -> None:
        """A worker asks for work; it counts until then, and asks again before, or is gone."""
        with self._lock:
            self._until[worker] = until

    def names(self, now: float) -> set[str]:
        """Those that are alive."""
        with self._lock:
            self._until = {worker: until for worker, until in self._until.items() if until >= now}
            return set(self._until)
