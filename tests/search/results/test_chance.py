"""A network that guesses is not recommended."""

from hypothesis import given
from hypothesis import strategies as st

from search.results import leaderboard
from search.results.chance import chance_level, is_above_chance
from tests.search.records import trial


@given(classes=st.integers(2, 1000), images=st.integers(10, 100_000))
def test_guessing_is_never_above_chance_and_being_right_always_is(classes: int, images: int) -> None:
    assert not is_above_chance(chance_level(classes), classes=classes, images=images)
    assert is_above_chance(1.0, classes=classes, images=images)


@given(classes=st.integers(2, 100), images=st.integers(10, 10_000), accuracy=st.floats(0, 1))
def test_more_images_make_luck_smaller(classes: int, images: int, accuracy: float) -> None:
    if is_above_chance(accuracy, classes=classes, images=images):
        assert is_above_chance(accuracy, classes=classes, images=2 * images)


def test_a_search_whose_winner_guesses_says_so_and_no_more() -> None:
    guessing = [trial(0, accuracy=0.11), trial(1, accuracy=0.12)]
    said = leaderboard.statement(guessing, quantum=1 / 360, classes=10)
    assert said == (
        "Nothing was learned yet: the best network is right on 12.0 % of the validation images, which is not above "
        "guessing among 10 classes (10.0 %)."
    )
    assert "Nothing was learned" not in leaderboard.statement([trial(0, accuracy=0.6)], quantum=1 / 360, classes=10)
