"""What a search cannot tell, whatever it trains: coefficients that do not vary, vary together, or only in few steps."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from search.space.catalogue import Candidate, Catalogue, intervals
from search.spec.spec import SearchSpec

COARSE = 3  # values: with so few, a result says in which third of the range a coefficient is good, and no more
PARTS = {"alpha": "depths", "beta": "widths", "gamma": "resolution"}  # what of a network each coefficient decides
SEVERAL = {"alpha": "depth vectors", "beta": "width vectors", "gamma": "resolutions"}

Values = Mapping[str, Mapping[object, Candidate]]


class Finding(NamedTuple):
    """A machine word, and a sentence with the numbers."""

    code: str
    message: str


def findings(spec: SearchSpec, space: Catalogue) -> Iterator[Finding]:
    """What the feasible networks cannot tell apart; nothing where a single one leaves no choice anyway."""
    if len(space.feasible) < 2:
        return
    values = {
        name: {getattr(candidate, part): candidate for candidate in space.feasible} for name, part in PARTS.items()
    }
    for name, found in values.items():
        if len(found) > COARSE:
            continue
        ranges = ", ".join(_intervals(spec, name, found.values()))
        if len(found) == 1:
            yield Finding(
                "coefficient-does-not-vary",
                f"all {len(space.feasible):,} feasible networks have the same {PARTS[name]}: nothing can be learned of "
                f"{name}, each value of {ranges} gives them",
            )
        else:
            yield Finding(
                "coefficient-is-coarse",
                f"the feasible networks have {len(found)} {SEVERAL[name]}: {name} can be known no closer than {ranges}",
            )
    yield from _together(space, values)


def _together(space: Catalogue, values: Values) -> Iterator[Finding]:
    """Pairs of coefficients of which each one's value says the other's."""
    for first, second in combinations(PARTS, 2):
        pairs = {(getattr(candidate, PARTS[first]), getattr(candidate, PARTS[second])) for candidate in space.feasible}
        count = len(pairs)
        if count > 1 and count == len(values[first]) == len(values[second]):
            yield Finding(
                "coefficients-vary-together",
                f"each of the {count} {SEVERAL[first]} comes with one of the {SEVERAL[second]} and no other: what "
                f"{first} does cannot be separated from what {second} does",
            )


def _intervals(spec: SearchSpec, name: str, candidates: Iterable[Candidate]) -> Iterator[str]:
    """Per network, in rising order, the range of a coefficient that gives its part, as far as the space reaches."""
    least, most = getattr(spec.space, name)
    for low, high in sorted(intervals(spec, candidate)[name] for candidate in candidates):
        yield f"{max(low, least):.4g} to {min(high, most):.4g}"
