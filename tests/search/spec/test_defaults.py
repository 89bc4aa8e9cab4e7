"""Defaults that follow from the trials: enough is learnt from, and nothing that may change later decides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.proposals.window import starts
from search.spec import defaults
from search.spec.spec import SearchSpec

MINIMAL: dict[str, Any] = {"dataset": "digits", "baseline": "efficientnet-nano"}


@given(st.integers(1, 100_000), st.integers(1, 1024))
def test_a_third_of_the_proposals_learn_from_a_third_of_the_trials(trials: int, parallelism: int) -> None:
    search = SearchSpec.model_validate({**MINIMAL, "trials": trials, "parallelism": parallelism})
    learning = [number for number in range(min(trials, 200)) if not starts(search, number) and number >= search.window]
    assert (search.window, search.startup_trials) == (defaults.window(trials), defaults.startup_trials(trials))
    if trials >= 3:
        assert len(learning) >= min(trials, 200) // 3
    assert search.finalist_count == min(3, trials)


def test_what_follows_from_the_trials_stands_in_the_document_and_is_read_back() -> None:
    search = SearchSpec.model_validate({**MINIMAL, "trials": 12})
    document = search.document()
    assert document["sampler"] == {"name": "tpe", "startup_trials": 4, "window": 4, "step": 0.05}
    assert document["finalists"]["count"] == 3
    assert SearchSpec.model_validate(document).document() == document
    given_null = {**MINIMAL, "trials": 12, "sampler": {"window": None}, "finalists": {"count": None}}
    assert SearchSpec.model_validate(given_null).document() == document


def test_a_document_that_was_stored_before_keeps_its_values() -> None:
    stored = {**MINIMAL, "trials": 12, "sampler": {"name": "tpe", "startup_trials": 8, "window": 16, "step": 0.05}}
    search = SearchSpec.model_validate({**stored, "finalists": {"count": 3, "seeds": 5, "max_seeds": None}})
    assert (search.window, search.startup_trials, search.finalist_count) == (16, 8, 3)


@pytest.mark.parametrize("trials", [1, 2])
def test_a_search_of_one_or_two_trials_needs_no_other_field(trials: int) -> None:
    assert SearchSpec.model_validate({**MINIMAL, "trials": trials}).finalist_count == trials
