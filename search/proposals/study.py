"""Which network is tried next. Optuna asks, a sampler over the catalogue answers (search/samplers).

Nothing infeasible and nothing twice is ever proposed, whatever the sampler. A proposal is a pure function of the spec
and of what earlier trials came to: no study is kept, and no order of arrival matters.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import optuna

from search.proposals import samplers, warm_start
from search.proposals.history import History
from search.results.trial_records import TrialRecord
from search.space.catalogue import Candidate, Catalogue
from search.space.reference import reference
from search.spec.spec import SearchSpec

optuna.logging.set_verbosity(optuna.logging.ERROR)  # it reports every study created and every result
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


class Proposal(NamedTuple):
    """The network to try, and a note for people where there is something to say of it."""

    candidate: Candidate
    note: str | None


def propose(spec: SearchSpec, catalogue: Catalogue, trials: Sequence[TrialRecord] | History, number: int) -> Proposal:
    """The network of trial `number`.

    Number 0 is the reference: the paper's coefficients, or the feasible network nearest to them. Then come those of
    `warm_start.enqueue`, then the sampler's. `trials` are records of other trials in any order, or their columns; of
    later ones nothing is used. Raises `CatalogueExhausted` when every feasible network has been used.
    """
    history = trials if isinstance(trials, History) else History.of(spec, catalogue, trials)
    if number == 0:
        left = np.flatnonzero(history.unused(number))
        return Proposal(*reference(spec, catalogue, [catalogue.feasible[at] for at in left]))
    if number <= len(spec.warm_start.enqueue):  # each of the trials before had one of them
        unused = history.unused(number)
        for place in warm_start.enqueued(spec, catalogue):
            if unused[place]:
                return Proposal(catalogue.feasible[place], None)
    sampler = samplers.sampler(spec, catalogue, history.before(number))
    study = optuna.create_study(directions=["maximize"] * len(spec.objectives), sampler=sampler)
    study.ask(dict(sampler.space))
    return Proposal(catalogue.feasible[sampler.chosen], None)
