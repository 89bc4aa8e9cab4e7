import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.results.front import Front, front_of
from search.results.objectives import Point
from tests.search.records import spec

TWO = spec(objectives=["accuracy", "macs"])
FEASIBLE = {"macs": (100.0, 200.0)}
POINTS = st.dictionaries(
    st.integers(0, 50), st.tuples(st.floats(0, 1), st.floats(100, 200).map(lambda cost: -cost)), max_size=12
)


def test_the_ideal_covers_all_and_the_dearest_nothing() -> None:
    assert front_of(TWO, FEASIBLE, {4: (1.0, -100.0)}).hypervolume == 1
    assert front_of(TWO, FEASIBLE, {4: (1.0, -200.0)}).hypervolume == 0
    assert front_of(TWO, FEASIBLE, {}) == Front((), None, 0.0, {"accuracy": 0.0, "macs": 200.0})


def test_the_front_its_knee_and_its_share_of_the_box() -> None:
    points = {9: (0.9, -200.0), 5: (0.8, -120.0), 2: (0.2, -100.0), 3: (0.7, -130.0), 7: (0.8, -120.0)}
    found = front_of(TWO, FEASIBLE, points)
    assert found.trials == (2, 5, 7, 9)
    assert found.knee == 5
    assert found.hypervolume == pytest.approx(0.8 * 0.8 + 0.2 * 0.2)
    assert found.document()["reference"] == {"accuracy": 0.0, "macs": 200.0}


def test_a_reference_of_the_specs_own_is_where_the_box_begins() -> None:
    at = spec(objectives=["accuracy", "macs"], reference={"accuracy": 0.5, "macs": 300.0})
    found = front_of(at, FEASIBLE, {0: (0.75, -200.0)})
    assert found.hypervolume == pytest.approx(0.5 * 0.5)
    assert found.reference == {"accuracy": 0.5, "macs": 300.0}
    below = spec(objectives=["accuracy", "macs"], reference={"macs": 50.0})
    assert front_of(below, FEASIBLE, {0: (0.75, -100.0)}).hypervolume == 0


def test_where_all_cost_the_same_accuracy_decides() -> None:
    assert front_of(TWO, {"macs": (100.0, 100.0)}, {0: (0.75, -100.0)}).hypervolume == 0.75


@given(POINTS)
def test_a_hypervolume_is_a_share_and_no_trial_makes_it_less(points: dict[int, Point]) -> None:
    whole = front_of(TWO, FEASIBLE, points)
    assert 0 <= whole.hypervolume <= 1
    fewer = dict(list(points.items())[1:])
    assert front_of(TWO, FEASIBLE, fewer).hypervolume <= whole.hypervolume + 1e-12
    assert whole.knee is None or whole.knee in whole.trials


@pytest.mark.parametrize(
    ("front", "said"),
    [
        (Front((3,), None, 0.5, {}), "In accuracy, macs and params trial 3 is beaten by none and beats all others."),
        (
            Front((1, 3), None, 0.5, {}),
            "In accuracy, macs and params no network beats any of 2; none of them is a compromise that pays.",
        ),
    ],
)
def test_sentences(front: Front, said: str) -> None:
    assert front.sentence(["accuracy", "macs", "params"]) == said
