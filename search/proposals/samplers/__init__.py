"""Samplers over a finite catalogue, as Optuna's own kind: `BaseSampler`. Only feasible networks, none twice."""

from search.proposals.history import View
from search.proposals.samplers.base import CatalogueSampler
from search.proposals.samplers.fixed import GridSampler, QMCSampler, RandomSampler
from search.proposals.samplers.genetic import NSGA2Sampler, NSGA3Sampler
from search.proposals.samplers.gp import GPSampler
from search.proposals.samplers.tpe import TPESampler
from search.space.catalogue import Catalogue
from search.spec.spec import SearchSpec

SAMPLERS: dict[str, type[CatalogueSampler]] = {
    "grid": GridSampler,
    "random": RandomSampler,
    "qmc": QMCSampler,
    "tpe": TPESampler,
    "gp": GPSampler,
    "nsga2": NSGA2Sampler,
    "nsga3": NSGA3Sampler,
}


def sampler(spec: SearchSpec, catalogue: Catalogue, view: View | None = None) -> CatalogueSampler:
    """The sampler that a spec names."""
    return SAMPLERS[spec.sampler.name](spec, catalogue, view)
