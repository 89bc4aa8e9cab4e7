"""Arrays in, arrays out: who is left out, who goes to which split, and where the boundaries lie."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data import image_record, splits
from models.data.problems import KINDS, Kind, policies
from models.data.sources.item import UNDECLARED, Index
from models.data.splits import Arrangement, Finding, arrange, without_images
from models.errors import InvalidDataset

TRAIN, VALIDATION, TEST = 0, 1, 2


def indexed(labels: Sequence[int], given: Sequence[int] | None = None, classes: int = 2) -> Index:
    """Images of these classes in these splits, or in none that is declared."""
    of = np.full(len(labels), UNDECLARED) if given is None else np.array(given)
    names = tuple("abcdefgh"[:classes])
    return Index(names, np.array(labels, np.int32), of.astype(np.int8), "signature")


def recorded(
    contents: Sequence[int], unusable: Sequence[int] = (), kinds: Mapping[int, Kind] | None = None
) -> NDArray[np.void]:
    """Records of images with these contents, by number: equal ones have equal pixels, and smaller ones sort first."""
    return image_record.read(
        b"".join(
            image_record.pack(
                number,
                [kinds[number]] if kinds and number in kinds else [],
                usable=number not in unusable,
                size=(4, 4),
                content=content.to_bytes(32, "big"),
                detail="",
            )
            for number, content in enumerate(contents)
        )
    )


def arranged(index: Index, records: NDArray[np.void], *on: str) -> tuple[Arrangement, list[Finding]]:
    findings: list[Finding] = []
    return arrange(index, records, policies(on), findings.append), findings


def of_splits(arrangement: Arrangement) -> list[list[int]]:
    """The numbers of the images in train, validation and test."""
    numbers = arrangement.order.tolist()
    return [[n for n, s in zip(numbers, arrangement.splits, strict=True) if s == split] for split in range(3)]


TEN = [0] * 10 + [1] * 10


def test_a_fifth_of_each_class_is_tested_and_a_fifth_validated_by_the_order_of_the_contents() -> None:
    contents = [*range(9, -1, -1), *range(10, 20)]  # the first class in falling order
    found, findings = arranged(indexed(TEN), recorded(contents))
    assert findings == []
    assert of_splits(found) == [
        [0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19],
        [6, 7, 12, 13],
        [8, 9, 10, 11],
    ]
    assert (found.sizes, found.classes) == ((12, 4, 4), (0, 1))


def test_each_class_gives_a_fifth_of_its_own() -> None:
    labels = [0] * 10 + [1] * 3 + [2] * 18
    found, _ = arranged(indexed(labels, classes=3), recorded(range(31)))
    assert of_splits(found)[1:] == [[2, 3, 11, 17, 18, 19, 20], [0, 1, 10, 13, 14, 15, 16]]


def test_a_split_that_is_given_stays_and_the_other_comes_from_train() -> None:
    given = [TRAIN] * 8 + [TEST] * 2 + [TRAIN] * 8 + [TEST] * 2
    found, _ = arranged(indexed(TEN, given), recorded(range(20)))
    assert of_splits(found) == [[2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17], [0, 1, 10, 11], [8, 9, 18, 19]]
    given = [VALIDATION if split == TEST else split for split in given]
    found, _ = arranged(indexed(TEN, given), recorded(range(20)))
    assert of_splits(found) == [[2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17], [8, 9, 18, 19], [0, 1, 10, 11]]


def test_splits_that_are_all_given_stay_as_they_are() -> None:
    given = [TRAIN, VALIDATION, TEST] * 2
    found, _ = arranged(indexed([0, 0, 0, 1, 1, 1], given), recorded(range(6)))
    assert of_splits(found) == [[0, 3], [1, 4], [2, 5]]


def test_groups_are_of_two_or_more_among_those_that_are_asked_for() -> None:
    records = recorded([7, 3, 7, 5, 3, 7, 1])
    groups = splits._groups(records, np.arange(7))
    assert [group.tolist() for group in groups] == [[1, 4], [0, 2, 5]]
    assert [group.tolist() for group in splits._groups(records, np.array([0, 1, 2, 3, 6]))] == [[0, 2]]
    assert list(splits._groups(records, np.array([], np.intp))) == []


def test_of_equal_images_of_a_class_the_first_stays() -> None:
    contents = [*range(10), 10, 10, 10, *range(11, 18)]
    found, findings = arranged(indexed(TEN), recorded(contents))
    assert findings == [Finding("duplicate", 11, 10), Finding("duplicate", 12, 10)]
    assert sorted(found.order.tolist()) == [n for n in range(20) if n not in (11, 12)]
    found, findings = arranged(indexed(TEN), recorded(contents), "duplicate=keep")
    assert len(findings) == 2
    together = next(numbers for numbers in of_splits(found) if 10 in numbers)
    assert {10, 11, 12} <= set(together)


def test_of_equal_images_in_different_classes_none_stays_and_each_names_another() -> None:
    contents = [0, 0, *range(2, 10), 0, *range(11, 20)]
    found, findings = arranged(indexed(TEN), recorded(contents))
    assert findings == [
        Finding("conflicting", 0, 10),
        Finding("conflicting", 1, 10),
        Finding("conflicting", 10, 0),
    ]
    assert set(found.order.tolist()) == set(range(20)) - {0, 1, 10}
    found, findings = arranged(indexed(TEN), recorded(contents), "conflicting=keep")
    assert findings[3:] == [Finding("duplicate", 1, 0)]
    assert set(found.order.tolist()) == set(range(20)) - {1}
    assert {0, 10} <= set(next(numbers for numbers in of_splits(found) if 0 in numbers))  # whatever their classes


def test_an_image_in_two_splits_stays_in_the_last_of_them() -> None:
    labels = [0] * 6 + [1] * 3
    given = [TRAIN, VALIDATION, TEST, TRAIN, TRAIN, TEST, TRAIN, VALIDATION, TEST]
    contents = [1, 2, 3, 3, 2, 4, 5, 6, 7]  # 3 is the test image 2, 4 the validation image 1
    found, findings = arranged(indexed(labels, given), recorded(contents))
    assert findings == [Finding("leakage", 4, 1), Finding("leakage", 3, 2)]
    assert of_splits(found) == [[0, 6], [1, 7], [2, 5, 8]]
    _, findings = arranged(indexed(labels, given), recorded([3, 2, 3, 3, 1, 4, 5, 6, 7]), "leakage=keep")
    assert findings == [Finding("leakage", 0, 2), Finding("leakage", 3, 2), Finding("duplicate", 3, 0)]
    _, findings = arranged(indexed(labels, given), recorded([3, 2, 3, 3, 1, 4, 5, 6, 7]))
    assert findings == [Finding("leakage", 0, 2), Finding("leakage", 3, 2)]  # what has left is nobody's duplicate


@pytest.mark.parametrize("kind", ["truncated", "non-rgb"])
@pytest.mark.parametrize("policy", ["keep", "skip", "refuse"])
def test_a_marked_image_stays_where_it_is_kept(kind: Kind, policy: str) -> None:
    found, findings = arranged(indexed(TEN), recorded(range(20), kinds={3: kind}), f"{kind}={policy}")
    assert findings == [Finding(kind, 3)]
    assert (3 in found.order) == (policy == "keep")
    assert len(found.order) == 20 - (policy != "keep")


def test_every_kind_of_an_image_is_found_again_by_its_bit() -> None:
    for kind in KINDS:
        _, findings = arranged(indexed(TEN), recorded(range(20), kinds={3: kind}))
        assert findings == [Finding(kind, 3)]


def test_what_cannot_be_used_is_nowhere_and_equal_to_nothing() -> None:
    contents = [0, 0, *range(2, 20)]
    found, findings = arranged(indexed(TEN), recorded(contents, unusable=[0]))
    assert findings == []
    assert set(found.order.tolist()) == set(range(1, 20))


def test_a_class_that_train_has_nothing_of_is_left_out() -> None:
    labels = [0] * 5 + [1] * 5 + [2] * 5
    found, _ = arranged(indexed(labels, classes=4), recorded(range(15), unusable=range(5, 10)))
    assert found.classes == (0, 2)
    assert set(found.order.tolist()) == {*range(5), *range(10, 15)}
    given = [TRAIN, TRAIN, TRAIN, VALIDATION, TEST] * 3
    found, _ = arranged(indexed(labels, given, 3), recorded(range(15), unusable=[5, 6, 7]))
    assert found.classes == (0, 2)
    assert set(found.order.tolist()) == {*range(5), *range(10, 15)}
    with pytest.raises(InvalidDataset, match="1 class of 3 has usable images to train on; without: 'b', 'c'"):
        arranged(indexed(labels, given, 3), recorded(range(15), unusable=[5, 6, 7, 10, 11, 12]))
    with pytest.raises(InvalidDataset, match="0 classes of 3 have usable images to train on; without: 'a', 'b', 'c'"):
        arranged(indexed(labels, given, 3), recorded(range(15), unusable=range(15)))


def test_three_images_of_a_class_are_enough_for_splits_and_two_are_not() -> None:
    found, _ = arranged(indexed([0, 0, 0, 1, 1]), recorded(range(5)))
    assert of_splits(found) == [[2, 3, 4], [1], [0]]
    assert without_images(indexed([0, 0, 0, 1, 1])) == ()
    for labels in ([0, 0, 1, 1], [0, 1]):
        with pytest.raises(InvalidDataset, match="too few images for a validation split"):
            arranged(indexed(labels), recorded(range(len(labels))))
        with pytest.raises(InvalidDataset, match="too few images for a validation split"):
            without_images(indexed(labels))
    given = [TRAIN, TRAIN, VALIDATION, TRAIN, TRAIN, VALIDATION]
    with pytest.raises(InvalidDataset, match="too few images for a test split"):
        without_images(indexed([0, 0, 0, 1, 1, 1], given))
    assert without_images(indexed([0, 0, 0, 0, 1, 1], [TRAIN, TRAIN, TRAIN, VALIDATION, TRAIN, VALIDATION])) == ()
    given[3:] = [TRAIN, VALIDATION, TEST]
    assert without_images(indexed([0, 0, 0, 1, 1, 1], given)) == ()


def test_classes_without_images_are_known_before_anything_is_decoded() -> None:
    assert without_images(indexed([1, 1, 1, 3, 3], classes=5)) == (0, 2, 4)
    with pytest.raises(InvalidDataset, match=r"1 class of 3 has .* without: 'a', 'c'"):
        without_images(indexed([1] * 5, classes=3))
