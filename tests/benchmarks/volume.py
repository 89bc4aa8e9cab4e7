"""Two objectives, accuracy and few parameters: how much of what a catalogue offers a search has found."""

from collections.abc import Iterable, Sequence

from tests.benchmarks.oracle import Fronts
from tests.benchmarks.table import Table

Point = tuple[float, float]  # accuracy, parameters


def front(points: Iterable[tuple[int, Point]]) -> list[int]:
    """The keys of those points that no other beats: at least as accurate and as small, and better in one of both."""
    kept, best = [], float("-inf")
    for key, (accuracy, _) in sorted(points, key=lambda entry: (entry[1][1], -entry[1][0])):
        if accuracy > best:
            kept.append(key)
            best = accuracy
    return kept


def volume(points: Iterable[Point], reference: Point) -> float:
    """The area between the points and a reference that is worse than all of them in both."""
    area, best = 0.0, reference[0]
    for accuracy, params in sorted(points, key=lambda point: point[1]):
        if accuracy > best:
            area += (accuracy - best) * (reference[1] - params)
            best = accuracy
    return area


def missed(table: Table, fronts: Fronts, budgets: Sequence[int]) -> list[float]:
    """For each budget in epochs, the share of the catalogue's volume that the front found by then lacks.

    A search says which networks its front is made of, by the values that it saw; they count with their means.
    """
    params = [candidate.cost.params for candidate in table.catalogue.feasible]
    true = list(zip(table.truth.tolist(), map(float, params), strict=True))
    reference = min(accuracy for accuracy, _ in true), max(size for _, size in true)
    whole, found = volume(true, reference), [1.0] * len(budgets)
    for epochs, seen in fronts:
        chosen = front((place, (value, params[place])) for place, value in seen)
        lacking = 1 - volume((true[place] for place in chosen), reference) / whole
        found = [lacking if epochs <= budget else before for budget, before in zip(budgets, found, strict=True)]
        if epochs > budgets[-1]:
            break
    return found
