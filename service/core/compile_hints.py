"""What a search will probably have trained next: a hint for workers that compile ahead. Nothing of it is stored."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from models.recipe.regularization import regularized
from search.errors import CatalogueExhausted
from search.planning import lifecycle
from search.results.training_key import training_key
from search.space import catalogue
from service.core import proposals
from service.store import runs, trained
from service.store import searches as search_rows
from service.store.tables import RunRow, SearchRow, TrialRow


def network(
    session: Session, search: SearchRow, leased: RunRow, at_hand: Sequence[str], pack: int = 1
) -> dict[str, Any] | None:
    """What a worker that was just given this run of the locked search may compile meanwhile; three statements at most,
    and two more for a worker that packs: then `seeds` says how many of that network it would be given.

    That is the next queued run, or what the search would propose now: where results that count for the proposal are
    still to come, it may turn out otherwise. None when nothing new is in sight, or only what was trained before.
    """
    if search.waiting:
        given = session.get_one(TrialRow, leased.trial_id)
        queued = runs.next_queued(session, search.id, [given.key, *at_hand])
        trial = None if queued is None else session.get_one(TrialRow, queued.trial_id)
        if trial is None or trial.key in (given.key, *at_hand):
            return None
        seeds = 1 if queued is None or pack == 1 else 1 + len(runs.companions(session, queued, pack - 1))
        shape = {"depths": trial.depths, "widths": trial.widths, "resolution": trial.resolution}
        return {"key": trial.key, **shape, "seeds": seeds}
    if leased.role != "search" or search.proposed >= search.planned:
        return None
    return _proposal(session, search)


def _proposal(session: Session, search: SearchRow) -> dict[str, Any] | None:
    spec = search_rows.spec_of(search)
    progress = lifecycle.Progress(search.proposed, 0, search.device_seconds)
    if lifecycle.next_proposal(spec, search.planned, progress, ()) is None:
        return None
    space = catalogue.of(spec)
    try:
        candidate = proposals.network(session, search, spec, search.proposed).candidate
    except CatalogueExhausted:
        return None
    macs_ratio = candidate.cost.macs / space.baseline_cost.macs
    chosen = regularized(catalogue.architecture(spec, candidate), spec.recipe, macs_ratio)
    key = training_key(
        spec,
        search.owner,
        network=chosen.key,
        dropout=chosen.dropout,
        drop_path=chosen.drop_path,
        seed=spec.seed,
    )
    if trained.before(session, key):
        return None
    return {
        "key": chosen.key,
        "depths": list(candidate.depths),
        "widths": list(candidate.widths),
        "resolution": candidate.resolution,
        "seeds": 1,
    }
