import time
from dataclasses import replace
from typing import Any

import pytest

from models.scaling.baselines import EFFICIENTNET_NANO
from search.errors import NoFeasibleNetwork
from search.planning.plan import plan
from search.planning.timing import Timing
from search.space import catalogue
from search.space.identifiability import findings
from search.spec.spec import SearchSpec
from tests.search.records import WIDE, spec

FEW = {"target": {"tolerance": 0.001}}


def warned(**fields: object) -> dict[str, str]:
    return {warning["code"]: warning["message"] for warning in plan(spec(**fields))["warnings"]}


def test_a_plan_counts_what_the_search_will_do() -> None:
    search = spec(trials=20, finalists={"count": 3, "seeds": 4}, **WIDE)
    space, found = catalogue.of(search), plan(search)
    assert found["catalogue"] == {"distinct": space.distinct, "feasible": 136}
    assert (found["programs"], found["runs"]) == (
        23,
        {"search": 20, "final": 12, "probe": 0, "control": 0},
    )  # three measure one image's time
    for name, values in (
        ("macs", [candidate.cost.macs for candidate in space.feasible]),
        ("params", [candidate.cost.params for candidate in space.feasible]),
        ("activations", [candidate.cost.activations for candidate in space.feasible]),
        ("macs_ratio", [candidate.ratio for candidate in space.feasible]),
    ):
        assert found["cost"][name] == pytest.approx([min(values), max(values)], abs=1e-6)


def test_few_feasible_networks_are_all_there_is() -> None:
    found = plan(spec(trials=24, finalists={"count": 5, "seeds": 2}, **FEW))
    assert (found["programs"], found["runs"]) == (2, {"search": 1, "final": 2, "probe": 0, "control": 0})


def test_the_time_is_a_range_and_says_what_it_rests_on() -> None:
    search = spec(trials=20, recipe={"epochs": 9}, **WIDE)
    found = plan(search)["device_seconds"]
    assert 0 < found["low"] < found["estimate"] < found["high"]
    assert f"{search.data.train:,} training images x 315 epochs x" in found["basis"]
    unpruned = plan(spec(trials=20, recipe={"epochs": 9}, pruner={"name": "none"}, **WIDE))["device_seconds"]
    assert unpruned["low"] > found["low"]
    assert unpruned["estimate"] == found["estimate"]
    brackets = plan(spec(trials=20, recipe={"epochs": 9}, pruner={"name": "hyperband"}, **WIDE))["device_seconds"]
    assert found["low"] < brackets["low"] < unpruned["low"]  # half of the trials are first judged a rung later


def test_a_plan_takes_milliseconds() -> None:
    search = spec(baseline="efficientnet-b0")
    plan(search)
    begun = time.perf_counter()
    plan(search)
    assert time.perf_counter() - begun < 0.5


def test_no_warning_without_cause() -> None:
    search = {"target": {"ratio": 2.43}, "space": {"resolution_multiple": 1}}
    assert warned(trials=10, finalists={"count": 2}, **search) == {}
    assert warned(trials=10, finalists={"count": 2}, sampler={"name": "qmc"}, **search) == {}


def test_a_sampler_that_will_see_no_result() -> None:
    told, late = "sampler-learns-nothing", {"window": 16}
    assert "results count for proposals 16 trials later" in warned(trials=16, sampler=late)[told]
    assert told not in warned(trials=17, sampler=late)


@pytest.mark.parametrize("name", ["nsga2", "nsga3"])
def test_a_sampler_for_several_objectives_with_one(name: str) -> None:
    assert f"{name} is for several objectives" in warned(sampler={"name": name})["one-objective"]


def test_results_from_elsewhere_are_no_measurements() -> None:
    known = {"alpha": 1.2, "beta": 1.1, "gamma": 1.15, "accuracy": 0.9}
    assert "the sampler learns from 1 results" in warned(warm_start={"trials": [known]})["known-results"]


def test_fewer_networks_than_trials() -> None:
    assert "24 trials are asked for and 1 network is feasible" in warned(**FEW)["fewer-feasible-than-trials"]


def test_the_paper_is_not_feasible_and_the_nearest_is_named() -> None:
    said = warned()["paper-not-feasible"]
    assert said.startswith(
        "trial 0 is alpha 1.1, beta 1.05, gamma 1.25 (40 px, 1.999 times): the feasible network nearest"
    )
    assert "37 px are no multiple of 8 and it really costs 2.431 times the baseline's macs, not 2" in said


def test_small_final_maps() -> None:
    fields = {"baseline": {**EFFICIENTNET_NANO.document(), "resolution": 16}, "space": {"resolution_multiple": 1}}
    assert "at 16 px the last feature map is 2x2" in warned(**fields)["small-final-map"]
    assert "small-final-map" not in warned(baseline="efficientnet-b0")


def test_receptive_fields_smaller_than_the_input() -> None:
    fields = {"baseline": {**EFFICIENTNET_NANO.document(), "resolution": 160}}
    assert "networks do not see their whole input: the worst sees " in warned(**fields)["receptive-field"]


def test_probes_are_counted_and_priced() -> None:
    asked = {"finalists": {"count": 3, "seeds": 2}, "trials": 20, "pruner": {"name": "none"}, **WIDE}
    plans = plan(spec(**asked)), plan(spec(**asked, transfer={"phi": 2.0, "count": 2, "seeds": 4}))
    assert plans[1]["runs"] == {"search": 20, "final": 6, "probe": 8, "control": 0}
    without, found = (document["device_seconds"]["estimate"] - 21 * 7 for document in plans)  # 7 s to compile each
    assert found / without == pytest.approx((26 + 2 * 8) / 26, rel=1e-2)  # phi 2 costs twice what phi 1 does


def test_an_objective_that_the_target_leaves_no_room() -> None:
    assert "widen target.tolerance" in warned(objectives=["accuracy", "macs"])["objective-is-target"]
    assert "objective-is-target" not in warned(objectives=["accuracy", "params"])


def test_single_seeds() -> None:
    assert "biased upwards" in warned(finalists={"count": 0})["single-seed"]


def test_a_recipe_that_cannot_show_anything_in_the_steps_at_hand() -> None:
    paper = warned(recipe={"preset": "paper", "epochs": 8})
    assert "set recipe.epochs to at least 22" in paper["recipe-too-short"]
    assert "bn_momentum 0.99 still keeps 72 %" in paper["short-run-statistics"]
    assert "recipe-too-short" not in warned(recipe={"preset": "paper", "epochs": 22})
    assert "recipe-too-short" not in warned(recipe={"preset": "paper", "epochs": 8}, start={"weights": "parent"})
    assert not {"recipe-too-short", "short-run-statistics"} & warned().keys()


def test_a_hopeless_spec_is_refused() -> None:
    with pytest.raises(NoFeasibleNetwork, match="the upper bounds stop it"):
        plan(spec(target={"ratio": 500.0}))


def test_what_bends_the_numbers_is_told() -> None:
    assert "best-epoch" in warned(recipe={"selection": "best"})
    assert "inherited-weights" in warned(start={"weights": "parent"})
    assert not {"best-epoch", "inherited-weights"} & warned().keys()


@pytest.mark.parametrize(("whose", "programs"), [("none", 20), ("finalists", 22), ("all", 40)])
def test_finals_share_their_program_and_measuring_takes_one_more(whose: str, programs: int) -> None:
    found = plan(spec(trials=20, finalists={"count": 2, "seeds": 9}, measure_latency=whose, **WIDE))
    assert found["programs"] == programs


def test_the_time_is_learned_from_finished_trainings() -> None:
    search = spec(trials=20, finalists={"count": 0}, pruner={"name": "none"}, **WIDE)
    macs = 4_000_000
    images = search.data.train * search.recipe.epochs
    timings = [Timing("NVIDIA H100", macs, images, seconds, compile_seconds=3.0) for seconds in (9.0, 10.0, 11.0)]
    found, guessed = plan(search, timings)["device_seconds"], plan(search)["device_seconds"]
    mean = sum(candidate.cost.macs for candidate in catalogue.of(search).feasible) / len(catalogue.of(search).feasible)
    assert found["estimate"] == pytest.approx(20 * (10.0 * mean / macs + 3.0), abs=0.1)
    assert (found["measured"], guessed["measured"]) == (3, 0)
    assert "3 on NVIDIA H100" in found["basis"]
    assert "a guess" in guessed["basis"]
    assert "a guess" not in found["basis"]


def test_a_coefficient_that_cannot_matter_is_named() -> None:
    said = warned(baseline="efficientnetv2-nano")["coefficient-does-not-vary"]
    assert "all 28 feasible networks have the same resolution: nothing can be learned of gamma" in said
    assert said.endswith("each value of 1 to 1.016 gives them")
    coarse = warned(space={"alpha": [1.0, 1.2]}, target={"tolerance": 0.2})["coefficient-is-coarse"]
    assert "3 resolutions: gamma can be known no closer than 1 to 1.016, 1.234 to 1.266, 1.484 to 1.5" in coarse


def test_coefficients_that_only_vary_together_are_named() -> None:
    search = spec(target={"tolerance": 0.5})
    first, *others = catalogue.of(search).feasible
    diagonal = next(
        candidate
        for candidate in others
        if all(mine != theirs for mine, theirs in zip(first.identity, candidate.identity, strict=True))
    )
    pair = replace(catalogue.of(search), feasible=(first, diagonal))
    codes = [finding.code for finding in findings(search, pair)]
    assert codes.count("coefficients-vary-together") == 3
    assert list(findings(search, replace(pair, feasible=(first,)))) == []


SPACES: list[dict[str, Any]] = [
    {},
    {"space": {"gamma": [1.2, 1.4]}},
    {"space": {"alpha": [1.2, 1.3], "beta": [1.0, 1.2]}, "target": {"metric": "activations", "tolerance": 0.1}},
    {"target": {"metric": "params"}},
    {"target": {"metric": "product", "tolerance": 0.02}},
]


@pytest.mark.parametrize("fields", SPACES)
def test_a_suggestion_gives_what_it_says(fields: dict[str, Any]) -> None:
    search = spec(trials=500, **fields)
    suggested = plan(search)["suggestions"]
    assert 0 < len(suggested) <= 3
    assert [entry["more"] for entry in suggested] == sorted((entry["more"] for entry in suggested), reverse=True)
    for entry in suggested:
        document = search.document()
        part, name = entry["pointer"].split("/")[1:]
        document[part][name] = entry["value"]
        changed = len(catalogue.of(SearchSpec.model_validate(document)).feasible)
        assert changed == entry["feasible"] == len(catalogue.of(search).feasible) + entry["more"]
        assert f"{entry['more']:,} more network" in entry["message"]


def test_where_there_is_plenty_nothing_is_suggested() -> None:
    assert plan(spec(trials=20, **WIDE))["suggestions"] == []
