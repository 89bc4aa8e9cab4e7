"""Which network is tried next. The only file that knows Optuna.

Optuna samples a point in the log-coefficients; the nearest feasible network that has not been tried takes its place.
So nothing infeasible and nothing twice is ever proposed, whatever the sampler. A proposal is a pure function of the
spec and the records: no study is kept, and no order of arrival matters.
"""

import hashlib
import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from models.scaling import Coefficients
from search.catalogue import Candidate, Catalogue
from search.errors import CatalogueExhausted
from search.reference import reference
from search.results import RunRecord, TrialRecord
from search.spec import SearchSpec

AXES = ("alpha", "beta", "gamma")
# TPE's good group is the best min(10 %, 25) trials (optuna, default_gamma), and it gives all but the latest 25 of a
# group less and less weight: from 250 trials on the best 25 and the latest others say all that it listens to.
BEST_TOLD = 25
MOST_TOLD = 256

optuna.logging.set_verbosity(optuna.logging.ERROR)  # it reports every study made and every trial told
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

Points = NDArray[np.float64]


class Proposal(NamedTuple):
    """The network to try, and a note for people where there is something to say of it."""

    candidate: Candidate
    note: str | None


class CatalogueSampler(BaseSampler):
    """Another sampler's choice, moved to the nearest free network of a catalogue.

    Near is meant in log-coefficients, each axis in units of its range; among equally near ones the first of the
    catalogue is taken. `chosen` is its position there once a trial has been asked for.
    """

    def __init__(self, base: BaseSampler, spec: SearchSpec, catalogue: Catalogue, free: NDArray[np.bool_]) -> None:
        self.base = base
        self.space = distributions(spec)
        self.points = _points(spec, [candidate.coefficients for candidate in catalogue.feasible])
        self.free = free
        self.chosen = -1

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002 - Optuna's signature
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's signature
    ) -> dict[str, BaseDistribution]:
        """All three axes, always: no axis comes or goes during a search."""
        return dict(self.space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A free network's log-coefficients by axis."""
        varying = {name: axis for name, axis in search_space.items() if not axis.single()}
        drawn = dict(self.base.sample_relative(study, trial, varying))
        for name in (name for name in varying if name not in drawn):  # in axis order: each draw moves the generator
            drawn[name] = self.base.sample_independent(study, trial, name, varying[name])
        at = np.array([drawn.get(name, axis.low) for name, axis in self.space.items()])
        self.chosen = _nearest(self.points, at, self.free, self.space)
        return dict(zip(AXES, self.points[self.chosen].tolist(), strict=True))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Never asked for by `propose`: a network is chosen whole."""
        raise NotImplementedError(f"{param_name} is no axis of a catalogue: {', '.join(AXES)}")


def propose(spec: SearchSpec, catalogue: Catalogue, trials: Sequence[TrialRecord], number: int) -> Proposal:
    """The network of trial `number`.

    Number 0 is the reference: the paper's coefficients, or the feasible network nearest to them. `trials` are the
    records of all other trials in any order. Raises `CatalogueExhausted` when every feasible network has been used.
    """
    others = sorted((trial for trial in trials if trial.number != number), key=lambda trial: trial.number)
    free = np.ones(len(catalogue.feasible), dtype=np.bool_)
    for trial in others:
        position = catalogue.position(trial.identity)
        if position is not None:
            free[position] = False
    if not free.any():
        raise CatalogueExhausted(f"all {len(catalogue.feasible):,} feasible networks have been proposed")
    if number == 0:
        return Proposal(*reference(spec, catalogue, [catalogue.feasible[at] for at in np.flatnonzero(free)]))
    sampler = CatalogueSampler(_base(spec, number), spec, catalogue, free)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(_history(spec, others))
    study.ask(dict(sampler.space))
    return Proposal(catalogue.feasible[sampler.chosen], None)


def distributions(spec: SearchSpec) -> dict[str, FloatDistribution]:
    """The logarithm of each coefficient over its range."""
    return {
        name: FloatDistribution(math.log(low), math.log(high))
        for name, (low, high) in ((name, getattr(spec.space, name)) for name in AXES)
    }


def stable_seed(*parts: int) -> int:
    """A 32-bit seed that is the same on every machine and in every process."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def _base(spec: SearchSpec, number: int) -> BaseSampler:
    seed = stable_seed(spec.seed, number)
    if spec.sampler.name == "random":
        return RandomSampler(seed=seed)
    return TPESampler(multivariate=True, n_startup_trials=spec.sampler.startup_trials, seed=seed)


def _history(spec: SearchSpec, others: Sequence[TrialRecord]) -> list[FrozenTrial]:
    """What the sampler is told, in number order: search runs that finished or were pruned.

    Trials that failed or still run are not: Optuna's samplers pass over them. All of them have used their network up.
    """
    if spec.sampler.name == "random":
        return []
    told = [(trial, run) for trial in others if (run := trial.search_run) is not None and _tellable(trial, run)]
    if len(told) > MOST_TOLD:
        best = sorted(told, key=_goodness, reverse=True)[:BEST_TOLD]
        kept = {trial.number for trial, _ in best}
        latest = [trial.number for trial, _ in told if trial.number not in kept][BEST_TOLD - MOST_TOLD :]
        kept.update(latest)
        told = [entry for entry in told if entry[0].number in kept]
    space = distributions(spec)
    points = _points(spec, [trial.coefficients for trial, _ in told])
    return [_frozen(trial, run, point, space) for (trial, run), point in zip(told, points, strict=True)]


def _tellable(trial: TrialRecord, run: RunRecord) -> bool:
    return trial.search_accuracy is not None or (trial.state == "pruned" and bool(run.history))


def _goodness(entry: tuple[TrialRecord, RunRecord]) -> tuple[bool, int, float, int]:
    """TPE's own order: finished before pruned, then by value; pruned by how far they came, then by value."""
    trial, run = entry
    finished = trial.search_accuracy
    if finished is not None:
        return True, 0, finished, -trial.number
    return False, len(run.history), run.history[-1], -trial.number


def _frozen(
    trial: TrialRecord, run: RunRecord, point: NDArray[np.float64], space: dict[str, FloatDistribution]
) -> FrozenTrial:
    finished = trial.search_accuracy is not None
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE if finished else TrialState.PRUNED,
        value=trial.search_accuracy,
        params=dict(zip(AXES, point.tolist(), strict=True)),
        distributions=dict(space),
        intermediate_values={} if finished else dict(enumerate(run.history, start=1)),
    )


def _points(spec: SearchSpec, coefficients: Sequence[Coefficients]) -> Points:
    """(networks, 3): log-coefficients, kept inside the space (they may leave it by a rounding error)."""
    logs = np.log(np.array([(c.alpha, c.beta, c.gamma) for c in coefficients], dtype=np.float64).reshape(-1, 3))
    axes = distributions(spec).values()
    return np.clip(logs, [axis.low for axis in axes], [axis.high for axis in axes])


def _nearest(points: Points, at: Points, free: NDArray[np.bool_], space: dict[str, FloatDistribution]) -> int:
    ranges = np.array([axis.high - axis.low or 1.0 for axis in space.values()])
    distances = (((points - at) / ranges) ** 2).sum(axis=1)
    return int(np.argmin(np.where(free, distances, np.inf)))
