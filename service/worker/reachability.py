"""Whether the service answers a worker: one line in the log for each change, and how long to wait meanwhile."""

import logging
import math

from service.client.backoff import Backoff
from service.client.errors import ClientError, NotAService, ServerFault, Unavailable, Unreachable

# What passes by itself. NotAService too: once a worker has been served, it is a proxy's page during a restart.
AWAY = (Unreachable, Unavailable, ServerFault, NotAService)

log = logging.getLogger("effscale.worker")


class Reachability:
    """Shared by all leases of a worker, so that an outage is told once."""

    def __init__(self, server: str, backoff: Backoff | None = None) -> None:
        self._server = server
        self._backoff = backoff or Backoff()
        self.away = False
        self.served = False  # whether it ever answered
        self.retry_at = -math.inf  # on the worker's clock, seconds: before that nobody need try again

    def failed(self, error: ClientError) -> float:
        """The service did not answer; seconds to wait before the next try."""
        if not self.away:
            log.warning("%s; trying again until it answers", error)
        self.away = True
        return self._backoff.delay(at_least=error.retry_after if isinstance(error, Unavailable) else 0.0)

    def answered(self) -> None:
        """The service answered."""
        if self.away:
            log.info("%s answers again", self._server)
        self.away, self.served, self.retry_at = False, True, -math.inf
        self._backoff.reset()
