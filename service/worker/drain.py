"""The end of a worker's work: it has been told to stop, and saves and gives back what it holds."""

import math
from dataclasses import dataclass

EPOCH_PATIENCE_SECONDS = 20.0  # after SIGTERM the running epoch may take this long, of the 30 s that P10 allows
DRAIN_SECONDS = 27.0  # and by then the leases are given back, or they run out by themselves


@dataclass(slots=True)
class Drain:
    """Whether the worker has been told to end, and since when (its clock, seconds)."""

    since: float = math.inf

    def begin(self, now: float) -> None:
        """Told to end."""
        self.since = min(self.since, now)

    @property
    def begun(self) -> bool:
        """Whether the worker is ending."""
        return self.since < math.inf
