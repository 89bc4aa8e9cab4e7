"""A plan warns of unequal classes, names the remedy, and says how little a small class tells."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models.data.registry import DIGITS, Pinned
from search.planning.imbalance import findings, recall_interval
from search.spec.spec import SearchSpec


def found(train: tuple[int, ...], validation: tuple[int, ...], **fields: object) -> dict[str, str]:
    """Code and message of each notice, for a search on images with these counts."""
    info = replace(
        DIGITS,
        name="unequal",
        classes=len(train),
        train=sum(train),
        validation=sum(validation),
        train_counts=train,
        validation_counts=validation,
    )
    given_spec = {"dataset": "unequal", "baseline": "efficientnet-nano", **fields}
    return dict(findings(SearchSpec.model_validate(given_spec, context={"datasets": Pinned(info)})))


def test_unequal_classes_are_named_with_their_remedies() -> None:
    notices = found((240, 5), (60, 1))
    assert set(notices) == {"unequal-classes", "classes-hardly-judged"}
    text = notices["unequal-classes"]
    assert "240 training images, the smallest 5 (48.0 to 1)" in text
    assert "98.4 %" in text
    assert "metric" in text
    assert "class_weights" in text
    assert "1 class of 2 has too few validation images to be judged, the smallest 1" in notices["classes-hardly-judged"]


def test_what_was_done_is_not_advised() -> None:
    mended = {"metric": "balanced_accuracy", "recipe": {"class_weights": "balanced"}}
    assert "unequal-classes" not in found((240, 60), (80, 80), **mended)
    assert "recipe" not in found((240, 60), (80, 80), recipe={"balanced_sampling": True})["unequal-classes"]


def test_equal_classes_need_no_notice_and_absent_ones_do() -> None:
    assert found((100, 110), (40, 40)) == {}
    assert "1 class of 3 has no validation image" in found((9, 9, 9), (50, 50, 0))["classes-without-validation"]


@given(images=st.integers(1, 10_000), share=st.floats(0, 1))
def test_the_interval_of_a_recall_holds_it_and_narrows_with_images(images: int, share: float) -> None:
    right = share * images
    low, high = recall_interval(right, images)
    assert 0.0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1.0
    wider = recall_interval(right, images)
    narrower = recall_interval(2 * right, 2 * images)
    assert narrower[1] - narrower[0] <= wider[1] - wider[0] + 1e-12
