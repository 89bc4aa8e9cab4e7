"""What a search begins with beside its seed: networks that are tried first, and results that are known already."""

from collections.abc import Iterator, Mapping

from models.errors import ModelError
from models.scaling.coefficients import Coefficients
from search.errors import InvalidSpec
from search.space.catalogue import Candidate, Catalogue
from search.space.reference import distance
from search.spec.spec import SearchSpec

Triple = tuple[float, float, float]


def enqueued(spec: SearchSpec, catalogue: Catalogue) -> Iterator[int]:
    """Places in the catalogue of the networks that are tried first, in order."""
    for point in spec.warm_start.enqueue:
        place = position(spec, catalogue, (point.alpha, point.beta, point.gamma))
        if place is not None:
            yield place


def check(spec: SearchSpec, catalogue: Catalogue) -> None:
    """Raise `InvalidSpec` unless each network that is to be tried first is feasible, and named once."""
    seen: dict[int, int] = {}
    for at, point in enumerate(spec.warm_start.enqueue):
        triple = (point.alpha, point.beta, point.gamma)
        place = position(spec, catalogue, triple)
        pointer = f"/warm_start/enqueue/{at}"
        if place is None:
            raise InvalidSpec(
                f"{_text(triple)} gives no feasible network; the nearest feasible one is "
                f"{_named(_nearest(catalogue, Coefficients(*triple)))}",
                pointer,
            )
        if place in seen:
            raise InvalidSpec(
                f"{_text(triple)} gives the same network as /warm_start/enqueue/{seen[place]}; each is tried once",
                pointer,
            )
        seen[place] = at


def position(
    spec: SearchSpec, catalogue: Catalogue, triple: Triple, known: Mapping[Triple, int] | None = None
) -> int | None:
    """The place in the catalogue of the network that these coefficients give; None where it is not feasible.

    `known` holds places that have been found before.
    """
    if known is not None and triple in known:
        return known[triple]
    network, rounding = spec.network, spec.space.depth_rounding
    try:
        at = Coefficients(*triple).multipliers(spec.phi)
        shape = network.depths_at(at.depth, rounding), network.widths_at(at.width), network.resolution_at(at.resolution)
        return catalogue.position(shape)
    except ModelError:
        return None


def _nearest(catalogue: Catalogue, wanted: Coefficients) -> Candidate:
    return min(catalogue.feasible, key=lambda candidate: distance(candidate.coefficients, wanted))


def _named(candidate: Candidate) -> str:
    c = candidate.coefficients
    return f"{_text((c.alpha, c.beta, c.gamma))} ({candidate.resolution} px)"


def _text(triple: Triple) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in zip(("alpha", "beta", "gamma"), triple, strict=True))
