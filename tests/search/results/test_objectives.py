import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.planning.lifecycle import finalists
from search.results.objectives import Point, fronts, hypervolume, knee, ranked, vector
from tests.search.records import spec, trial

fronts([(0.0,) * 4])  # loads the array library, which takes longer than an example of hypothesis may
PLACES = st.integers(1, 5)
VALUES = st.integers(0, 6).map(float)  # few different ones: ties in every place


def points_of(places: int, most: int = 14) -> st.SearchStrategy[list[Point]]:
    return st.lists(st.tuples(*[VALUES] * places), max_size=most)


POINTS = PLACES.flatmap(points_of)


def dominates(one: Point, other: Point) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def peeled(points: list[Point]) -> list[int]:
    """Fronts by their definition: take away those that none beats, again and again."""
    left, places = set(range(len(points))), [-1] * len(points)
    for number in itertools.count():
        if not left:
            return places
        front = {at for at in left if not any(dominates(points[other], points[at]) for other in left)}
        for at in front:
            places[at] = number
        left -= front
    raise AssertionError


def cells(points: list[Point], places: int) -> int:
    """The volume of points of whole numbers over the origin, by counting unit cells."""
    cubes = itertools.product(range(6), repeat=places)
    return sum(any(all(p > c for p, c in zip(point, cube, strict=True)) for point in points) for cube in cubes)


@given(POINTS)
def test_fronts_are_what_is_left_when_the_better_ones_are_taken_away(points: list[Point]) -> None:
    assert fronts(points) == peeled(points)


@given(POINTS)
def test_a_rank_holds_everybody_once_and_no_worse_front_before_a_better(points: list[Point]) -> None:
    order, places = ranked(points), fronts(points)
    assert sorted(order) == list(range(len(points)))
    assert [places[at] for at in order] == sorted(places)


@given(st.lists(st.tuples(VALUES), max_size=12))
def test_one_objective_is_ranked_by_value_then_position(points: list[Point]) -> None:
    assert ranked(points) == sorted(range(len(points)), key=lambda at: (-points[at][0], at))


@given(POINTS, st.randoms(use_true_random=False))
def test_no_order_of_different_points_matters(points: list[Point], chance: random.Random) -> None:
    distinct = sorted(set(points))
    shuffled = list(distinct)
    chance.shuffle(shuffled)
    assert dict(zip(shuffled, fronts(shuffled), strict=True)) == dict(zip(distinct, fronts(distinct), strict=True))
    at, again = knee(distinct), knee(shuffled)
    assert (at is None) == (again is None)


@given(st.integers(1, 4).flatmap(lambda places: st.tuples(st.just(places), points_of(places, most=8))))
def test_a_hypervolume_is_the_number_of_cells_below(case: tuple[int, list[Point]]) -> None:
    places, points = case
    assert hypervolume(points, (0.0,) * places) == cells(points, places)


@given(POINTS)
def test_what_is_dominated_adds_no_volume_and_a_new_point_never_takes_any(points: list[Point]) -> None:
    if not points:
        return
    origin = (-1.0,) * len(points[0])
    whole = hypervolume(points, origin)
    front = [point for point, place in zip(points, fronts(points), strict=True) if place == 0]
    assert hypervolume(front, origin) == whole
    assert hypervolume(points[1:], origin) <= whole


def test_more_places_than_are_swept_agree_with_a_box_put_behind() -> None:
    chance = random.Random(4)
    points = [tuple(chance.random() for _ in range(3)) for _ in range(30)]
    exact = hypervolume(points, (0.0,) * 3)
    assert hypervolume([(*point, 2.0, 0.5) for point in points], (0.0,) * 5) == pytest.approx(exact)


@given(POINTS)
def test_a_knee_is_no_worse_than_any_other(points: list[Point]) -> None:
    at = knee(points)
    if at is None:
        return
    assert fronts(points)[at] == 0
    assert all(points[at] != other for other in points[:at])  # the first of equal ones


@pytest.mark.parametrize(
    ("points", "at"),
    [
        ([], None),
        ([(1.0, 1.0)], None),
        ([(0.0, 1.0), (1.0, 0.0)], None),
        ([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)], None),  # on the line
        ([(0.0, 1.0), (0.2, 0.2), (1.0, 0.0)], None),  # before it
        ([(0.0, 9.0), (0.1, 5.0), (0.9, 4.0), (1.0, 0.0), (0.9, 3.0)], 2),
        ([(0.9, -math.inf), (0.0, 1.0), (0.3, 0.9), (0.5, 0.0)], 2),  # what was not measured has no place on it
    ],
)
def test_knees(points: list[Point], at: int | None) -> None:
    assert knee(points) == at


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="got NaN"):
        fronts([(0.5, math.nan)])


def test_ends_come_first_then_the_lonely() -> None:
    points = [(0.0, 1.0), (0.1, 0.9), (0.2, 0.8), (0.6, 0.4), (1.0, 0.0), (1.0, 0.0)]
    assert ranked(points) == [0, 4, 3, 2, 1, 5]


def test_a_trial_is_its_accuracy_and_its_costs_negated() -> None:
    search = spec(objectives=["accuracy", "latency_ms", "macs"], measure_latency="all")
    assert vector(search, trial(0, costs={"macs": 5.0, "latency_ms": 1.5, "params": 7.0}), 0.9) == (0.9, -1.5, -5.0)
    assert vector(search, trial(0, costs={"macs": 5.0}), 0.9) == (0.9, -math.inf, -5.0)


def test_finalists_of_several_objectives_are_the_front_and_the_lonely_of_it_first() -> None:
    search = spec(objectives=["accuracy", "macs"], finalists={"count": 3})
    trials = [
        trial(0, accuracy=0.90, costs={"macs": 10.0}),
        trial(1, accuracy=0.89, costs={"macs": 10.0}),  # beaten by 0
        trial(2, accuracy=0.70, costs={"macs": 4.0}),
        trial(3, accuracy=0.89, costs={"macs": 9.5}),
        trial(4, accuracy=0.88, costs={"macs": 9.0}),
        trial(5, "pruned", accuracy=0.95, costs={"macs": 1.0}),
    ]
    assert [each.number for each in finalists(search, trials)] == [0, 2, 4]
    alone = spec(finalists={"count": 3})
    assert [each.number for each in finalists(alone, trials)] == [0, 1, 3]
