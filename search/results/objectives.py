"""Several objectives at once: non-dominated fronts, the order they give, the volume they cover, and their knee.

A point is a tuple of numbers, larger is better in each place. All functions are pure. With up to three objectives
no array library is loaded: the leaderboard and the lifecycle call them where none is.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

from search.results.trial_records import TrialRecord
from search.spec.spec import SearchSpec

Point = tuple[float, ...]
SWEPT = 3  # places: up to three a sweep over sorted points is exact and takes O(n log n)
ROUNDING = 1e-9  # of sums of normalised values, each in [0, 1]: points on a line are not beyond it


def vector(spec: SearchSpec, record: TrialRecord, accuracy: float) -> Point:
    """A trial as a point: its accuracy, then its costs negated, in the order of `spec.objectives`.

    A cost that was not measured is endless: a network that nobody timed beats none by its speed.
    """
    costs = (record.costs.get(name, math.inf) for name in spec.objectives[1:])
    return accuracy, *(-cost for cost in costs)


def fronts(points: Sequence[Point]) -> list[int]:
    """For each point the number of its non-dominated front; 0 is best, and no point of front 0 is beaten by any.

    One point dominates another when it is at least as good everywhere and better somewhere: equal points share a
    front. O(n log^2 n) for up to three places (Jensen 2003; search by bisection: Zhang et al. 2015), else O(n^2) in an
    array.

    >>> fronts([(0.9, -1.0), (0.8, -2.0), (0.95, -3.0), (0.9, -1.0)])
    [0, 1, 0, 0]
    """
    found: dict[Point, int] = {}
    groups: list[_Stairs | _Heap] = []
    for point in _descending(points):  # whoever dominates a point stands before it
        rest = _padded(point, 0.0)[1:]
        number = bisect_left(groups, True, key=lambda group: not group.covers(rest))
        if number == len(groups):
            groups.append(_group(rest))
        groups[number].add(rest)
        found[point] = number
    return [found[point] for point in points]


def front(points: Sequence[Point]) -> list[int]:
    """Positions of the points that no other dominates, in order: front 0 alone, at a part of the price."""
    kept = set(_maximal(points))
    return [at for at, point in enumerate(points) if point in kept]


def ranked(points: Sequence[Point]) -> list[int]:
    """Positions of the points, best first: by front, then by crowding distance (Deb et al. 2002), then by position.

    The ends of a front come first. Of equal points the first counts, and the distance of the others is 0.

    >>> ranked([(0.8, -2.0), (0.9, -1.0), (0.95, -3.0), (0.92, -1.1)])
    [1, 2, 3, 0]
    """
    places = fronts(points)
    alone = _crowding(points, places)
    return sorted(range(len(points)), key=lambda at: (places[at], -alone[at], at))


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The volume of all that some point beats and that beats `reference`; exact for any number of places.

    Points that are not better than the reference everywhere add nothing.

    >>> hypervolume([(2.0, 1.0), (1.0, 2.0)], (0.0, 0.0))
    3.0
    """
    inside = (point for point in points if all(p > r for p, r in zip(point, reference, strict=True)))
    return _volume([tuple(p - r for p, r in zip(point, reference, strict=True)) for point in inside])


def knee(points: Sequence[Point]) -> int | None:
    """The position of the best compromise: of front 0, the point farthest beyond the plane through the front's ends.

    Each place is taken as a share of the front's range in it (Das 1999, for two objectives). None where the front has
    fewer than three different points, or none beyond the plane: then no compromise is better than its price.

    >>> knee([(0.0, 1.0), (0.8, 0.8), (1.0, 0.0)])
    1
    """
    best = [at for at in front(points) if all(map(math.isfinite, points[at]))]
    if len({points[at] for at in best}) < 3:
        return None
    columns = list(zip(*(points[at] for at in best), strict=True))
    spans = [(min(column), (max(column) - min(column)) or 1.0) for column in columns]

    def beyond(at: int) -> float:
        return math.fsum((value - low) / span for value, (low, span) in zip(points[at], spans, strict=True)) - 1

    farthest = max(best, key=lambda at: (beyond(at), -at))
    return farthest if beyond(farthest) > ROUNDING else None


class _Stairs:
    """Maximal points of a plane: x rises, y falls."""

    def __init__(self) -> None:
        self.xs: list[float] = []
        self.ys: list[float] = []

    def covers(self, point: Point) -> bool:
        """Whether one of them is at least as good in both places."""
        at = bisect_left(self.xs, point[0])
        return at < len(self.xs) and self.ys[at] >= point[1]

    def add(self, point: Point) -> float:
        """Take a point in, drop what it beats; the area over the origin that this adds."""
        if self.covers(point):
            return 0.0
        x, y = point
        end = begin = bisect_right(self.xs, x)
        height = self.ys[end] if end < len(self.ys) else 0.0
        added, right = 0.0, x
        while begin and self.ys[begin - 1] <= y:
            begin -= 1
            added += (right - self.xs[begin]) * (y - height)
            right, height = self.xs[begin], self.ys[begin]
        added += (right - (self.xs[begin - 1] if begin else 0.0)) * (y - height)
        self.xs[begin:end], self.ys[begin:end] = [x], [y]
        return added


class _Heap:
    """Points of more than two places, each compared with: too many for plain Python to be quick, so in an array."""

    def __init__(self, places: int) -> None:
        import numpy as np  # here: most searches have fewer objectives, and their planning loads no array library

        self.numpy = np
        self.count = 0
        self.points = np.empty((0, places))

    def covers(self, point: Point) -> bool:
        """Whether one of them is at least as good in every place."""
        return bool((self.points[: self.count] >= point).all(axis=1).any())

    def add(self, point: Point) -> None:
        """Take a point in."""
        if self.count == len(self.points):  # twice as many places: each point is moved once on average
            grown = self.numpy.empty((max(16, 2 * self.count), len(point)))
            grown[: self.count] = self.points[: self.count]
            self.points = grown
        self.points[self.count] = point
        self.count += 1


def _group(point: Point) -> _Stairs | _Heap:
    return _Stairs() if len(point) < SWEPT else _Heap(len(point))


def _descending(points: Iterable[Point]) -> list[Point]:
    distinct = sorted(set(points), reverse=True)
    if any(map(math.isnan, chain.from_iterable(distinct))):
        raise ValueError("a point's places are numbers, got NaN: it is neither better nor worse than another")
    return distinct


def _padded(point: Point, filling: float) -> Point:
    return point + (filling,) * (SWEPT - len(point))


def _volume(points: Iterable[Point]) -> float:
    """Of points above the origin."""
    remaining = _descending(points)
    if not remaining:
        return 0.0
    if len(remaining[0]) <= SWEPT:
        return _swept(remaining)
    # Each point adds its own box less what the others, cut to it, cover of it (While et al. 2012); in order of the
    # last place that is a problem of one place less.
    remaining.sort(key=lambda point: point[-1])
    total = 0.0
    for at, (*own, last) in enumerate(remaining):
        cut = {tuple(map(min, own, other)) for other in remaining[at + 1 :]}
        total += last * (math.prod(own) - _volume(_maximal(cut)))
    return total


def _swept(points: Sequence[Point]) -> float:
    """Of points in descending order, with at most three places: areas times the steps of the first place."""
    stairs, area, total = _Stairs(), 0.0, 0.0
    steps = [point[0] for point in points] + [0.0]
    for point, (here, below) in zip(points, pairwise(steps), strict=True):
        area += stairs.add(_padded(point, 1.0)[1:])
        total += area * (here - below)
    return total


def _maximal(points: Iterable[Point]) -> list[Point]:
    descending = _descending(points)
    if not descending:
        return []
    filling = (0.0,) * (SWEPT - len(descending[0]))
    group = _group(descending[0][1:] + filling)
    kept = []
    for point in descending:
        rest = point[1:] + filling
        if not group.covers(rest):
            group.add(rest)
            kept.append(point)
    return kept


def _crowding(points: Sequence[Point], places: Sequence[int]) -> list[float]:
    """How far a point's neighbours on its front are from each other, in shares of the front's range, summed."""
    first: dict[Point, int] = {}
    for at, point in enumerate(points):
        first.setdefault(point, at)
    members: dict[int, list[Point]] = {}
    for point, at in first.items():
        members.setdefault(places[at], []).append(point)
    alone = [0.0] * len(points)
    for front in members.values():
        for place in range(len(front[0])):
            order = sorted(front, key=lambda point: (point[place], point))
            known = [point[place] for point in order if math.isfinite(point[place])] or [0.0]
            low, high = known[0], known[-1]
            for end in (order[0], order[-1]):
                alone[first[end]] = math.inf
            for below, point, above in zip(order, order[1:], order[2:], strict=False):
                gap = min(above[place], high) - max(below[place], low)
                alone[first[point]] += max(0.0, gap) / (high - low or 1.0)
    return alone
