"""Takes results over in the background: when a search comes, and when an equal training has ended."""

from collections.abc import Sequence

from service.api.context import ServiceContext
from service.core import cache_settlement

AT_ONCE = 250  # runs, about 20 ms each: a service that is told to end waits for this; workers settle the rest


def settle(context: ServiceContext, search_ids: Sequence[str]) -> None:
    """Settle what these searches have waiting, and what they propose next, as long as it was trained before."""
    for search_id in search_ids:
        with context.read() as session:
            may_settle = cache_settlement.may_settle(session, search_id)
        for _ in range(AT_ONCE if may_settle else 0):
            with context.write() as (session, now):
                run = cache_settlement.settle_next(session, search_id, now)
            if run is None:
                break
