"""What all samplers share: Optuna asks for coefficients, a network of the catalogue answers."""

import hashlib
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from search.errors import CatalogueExhausted
from search.proposals import history as histories
from search.proposals.history import Outcome, View
from search.proposals.window import starts
from search.space import lattice as lattices
from search.space.catalogue import Catalogue
from search.space.lattice import AXES
from search.spec.spec import SearchSpec

TOLD_AS = {TrialState.COMPLETE: "completed", TrialState.PRUNED: "pruned"}  # by Optuna; the others tell nothing


class CatalogueSampler(BaseSampler, ABC):
    """Chooses one free network of a finite catalogue, by trial number alone where chance takes part.

    Given a `view` it proposes from that; else from the trials of the study that asks, which may be any study of
    Optuna's whose trials have `space` for parameters. `chosen` is the network's place in the catalogue afterwards.
    """

    learns = False  # whether results change what it proposes

    def __init__(self, spec: SearchSpec, catalogue: Catalogue, view: View | None = None) -> None:
        self.spec = spec
        self.catalogue = catalogue
        self.lattice = lattices.of(spec, catalogue)
        self.space = distributions(spec)
        self.view = view
        self.chosen = -1

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002 - Optuna's signature
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's signature
    ) -> dict[str, BaseDistribution]:
        """All three axes, always: no axis comes or goes during a search."""
        return dict(self.space)

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002 - Optuna's signature
    ) -> dict[str, Any]:
        """A free network's coefficients by axis."""
        view = self.view if self.view is not None else self._look(study, trial)
        if not view.free.any():
            raise CatalogueExhausted(f"all {len(view.free):,} feasible networks have been proposed or are known")
        self.chosen = at_random(view) if self.learns and starts(self.spec, view.number) else self.choose(view)
        coefficients = self.catalogue.feasible[self.chosen].coefficients
        return dict(zip(AXES, lattices.triple(coefficients), strict=True))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Never asked for: a network is chosen whole."""
        raise NotImplementedError(f"{param_name} is no axis of a catalogue: {', '.join(AXES)}")

    @abstractmethod
    def choose(self, view: View) -> int:
        """The place in the catalogue of a free network; at least one is free."""

    def _look(self, study: Study, trial: FrozenTrial) -> View:
        rows = []
        for other in study.get_trials(deepcopy=False):
            if other.number < trial.number and set(AXES) <= set(other.params):
                values = other.values or list(other.intermediate_values.values())[-1:]
                triple = (other.params["alpha"], other.params["beta"], other.params["gamma"])
                accuracy = values[0] if values else None
                state = TOLD_AS.get(other.state, "failed")
                rows.append(Outcome(other.number, state, triple, accuracy, len(other.intermediate_values)))
        return histories.build(self.spec, self.catalogue, rows).before(trial.number)


def distributions(spec: SearchSpec) -> dict[str, FloatDistribution]:
    """Each coefficient over its range, on a logarithmic scale."""
    ranges = {name: getattr(spec.space, name) for name in AXES}
    return {name: FloatDistribution(low, high, log=True) for name, (low, high) in ranges.items()}


def stable_seed(*parts: int) -> int:
    """A 32-bit seed that is the same on every machine and in every process."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def generator(view: View) -> np.random.Generator:
    """Chance for one proposal: of the search's seed and the trial's number."""
    return np.random.default_rng(stable_seed(view.spec.seed, view.number))


def at_random(view: View) -> int:
    """Any free network, each as likely as any other."""
    free = np.flatnonzero(view.free)
    return int(free[generator(view).integers(len(free))])
