"""What a search tries next, decided from few columns of its trials: a worker's request waits for it."""

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from search.errors import InvalidSpec
from search.planning import lifecycle
from search.space import catalogue
from search.spec.parts import MAX_KNOWN, KnownTrial
from search.spec.spec import SearchSpec
from service.errors import NotFound
from service.store import outcomes, searches
from service.store import trials as trial_rows
from service.store.tables import SearchRow

if TYPE_CHECKING:
    from search.proposals.study import Proposal


def wanted(session: Session, search: SearchRow, spec: SearchSpec) -> lifecycle.Propose | lifecycle.Wait | None:
    """Whether the search shall get another trial now; None: neither now nor later."""
    if search.state == "finalizing":
        return None
    progress = lifecycle.Progress(search.proposed, search.active, search.device_seconds)
    return lifecycle.next_proposal(spec, search.planned, progress, outcomes.unsettled(session, search.id))


def network(session: Session, search: SearchRow, spec: SearchSpec, number: int) -> "Proposal":
    """The network of trial `number`, from the trials as they are now. Raises `CatalogueExhausted`."""
    from search.proposals import history, study  # Optuna and NumPy take a second to import: the API answers before that

    space = catalogue.of(spec)
    observations = history.build(spec, space, outcomes.outcomes(session, search.id))
    if (
        observations.positions < 0
    ).any():  # coefficients stand for their networks in other numbers than when they were stored
        observations = history.History.of(spec, space, trial_rows.records(session, search.id))
    return study.propose(spec, space, observations, number)


def resolved(session: Session, spec: SearchSpec, owner: str) -> SearchSpec:
    """The spec with the results of the earlier searches that it names in their place: it needs these no more.

    Raises `InvalidSpec` where one of them is not this owner's, or all have too many.
    """
    warm = spec.warm_start
    if not warm.searches:
        return spec
    trials = dict.fromkeys(warm.trials)
    for at, search_id in enumerate(warm.searches):
        try:
            searches.get(session, search_id, owner)
        except NotFound as error:
            raise InvalidSpec(str(error), f"/warm_start/searches/{at}") from None
        for alpha, beta, gamma, accuracy in outcomes.accuracies(session, search_id):
            trials.setdefault(KnownTrial(alpha=alpha, beta=beta, gamma=gamma, accuracy=accuracy))
    if len(trials) > MAX_KNOWN:
        raise InvalidSpec(
            f"these searches have {len(trials):,} results together with warm_start.trials; at most {MAX_KNOWN:,} are "
            "taken: name fewer",
            "/warm_start/searches",
        )
    return spec.model_copy(update={"warm_start": warm.model_copy(update={"trials": list(trials), "searches": []})})
