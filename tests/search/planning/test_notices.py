"""Notices of a plan: what they are, and what becomes of a spec to which their remedies are applied."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.planning.notices import Severity, applied, remedies
from search.planning.plan import plan
from search.spec.spec import SearchSpec
from tests.search.records import spec

CAUSES: dict[str, dict[str, Any]] = {
    "sampler-learns-nothing": {"trials": 12, "sampler": {"window": 12}},
    "sampler-only-starts": {"trials": 12, "sampler": {"startup_trials": 12}},
    "parallelism-exceeds-window": {"trials": 24, "parallelism": 12},
    "one-objective": {"sampler": {"name": "nsga2"}},
    "single-seed": {"finalists": {"count": 0}},
    "best-epoch": {"recipe": {"selection": "best"}},
    "short-run-statistics": {"recipe": {"bn_momentum": 0.99, "bn_statistics": "published", "epochs": 8}},
    "recipe-too-short": {"recipe": {"epochs": 2}},
    "fewer-feasible-than-trials": {"trials": 50},
}


def noticed(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["code"]: one for one in plan(SearchSpec.model_validate(document))["warnings"]}


@pytest.mark.parametrize("code", CAUSES)
def test_a_remedy_ends_what_it_is_for(code: str) -> None:
    document = {"dataset": "digits", "baseline": "efficientnet-nano", **CAUSES[code]}
    found = noticed(document)[code]
    assert found["severity"] in get_args(Severity)
    assert found["remedy"] is not None
    assert code not in noticed(applied(document, remedies([found])))


def test_all_remedies_together_make_the_published_recipe_one_that_learns() -> None:
    document = {"dataset": "digits", "baseline": "efficientnet-nano", "recipe": {"preset": "paper", "epochs": 8}}
    codes = {"recipe-too-short", "short-run-statistics"}
    found = [one for code, one in noticed(document).items() if code in codes]
    assert len(found) == 2
    assert not codes & noticed(applied(document, remedies(found))).keys()


def test_what_waits_for_results_may_have_no_remedy() -> None:
    found = noticed({"dataset": "digits", "baseline": "efficientnet-nano", "trials": 12, "parallelism": 64})
    remedy = found["parallelism-exceeds-window"]["remedy"]
    assert remedy == {"pointer": "/sampler/window", "value": 8}  # a third of the proposals still learn
    after = {"dataset": "digits", "baseline": "efficientnet-nano", "trials": 12, "parallelism": 64}
    left = noticed({**after, "sampler": {"window": 8}})["parallelism-exceeds-window"]
    assert (left["severity"], left["remedy"]) == ("note", None)


def test_a_plan_says_what_the_pruner_leaves() -> None:
    late = {"sampler": {"window": 16}, "pruner": {"name": "asha", "min_epochs": 2, "reduction_factor": 3}}
    found = plan(spec(trials=12, recipe={"epochs": 8}, finalists={"count": 2}, **late))
    assert found["trained_to_end"] == {"about": 2, "at_least": 2}
    few = plan(spec(trials=12, recipe={"epochs": 8}, finalists={"count": 5}, **late))
    assert few["trained_to_end"] == {"about": 5, "at_least": 5}
    said = {one["code"]: one["message"] for one in few["warnings"]}["pruner-leaves-few"]
    assert said.startswith(
        "asha lets about 2 of 12 trials train to the end, and finalists.count is 5: about 3 of those"
    )
    assert plan(spec(trials=12, pruner={"name": "none"}))["trained_to_end"] == {"about": 12, "at_least": 3}


@given(st.dictionaries(st.sampled_from(["/trials", "/sampler/window", "/recipe/a~1b", "/start"]), st.integers(1, 9)))
def test_changes_stand_where_they_belong_and_nothing_else_changes(changes: dict[str, Any]) -> None:
    before = {"name": "x", "sampler": {"name": "tpe"}, "start": None}
    after = applied(before, changes)
    assert before == {"name": "x", "sampler": {"name": "tpe"}, "start": None}
    assert (after["name"], after["sampler"]["name"]) == ("x", "tpe")
    assert after.get("trials") == changes.get("/trials")
    assert after["sampler"].get("window") == changes.get("/sampler/window")
    assert after.get("recipe", {}).get("a/b") == changes.get("/recipe/a~1b")
    assert after["start"] == changes.get("/start")
