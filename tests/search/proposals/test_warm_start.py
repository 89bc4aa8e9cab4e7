"""What a search begins with beside its seed: networks tried first, results known before."""

from typing import Any

import pytest

from search.errors import CatalogueExhausted, InvalidSpec
from search.planning.plan import plan
from search.proposals import study, warm_start
from search.proposals.history import History
from search.results.trial_records import TrialRecord
from search.space import catalogue
from search.space.catalogue import Candidate, Identity
from search.spec.parts import LEARNING
from search.spec.spec import SearchSpec
from tests.search.records import WIDE, spec, trial


def point(candidate: Candidate, **more: float) -> dict[str, float]:
    c = candidate.coefficients
    return {"alpha": c.alpha, "beta": c.beta, "gamma": c.gamma, **more}


def proposed(search: SearchSpec, count: int) -> list[Identity]:
    space = catalogue.of(search)
    records: list[TrialRecord] = []
    for number in range(count):
        candidate = study.propose(search, space, records, number).candidate
        records.append(trial(number, accuracy=0.5 + number / 100, candidate=candidate))
    return [record.identity for record in records]


def test_enqueued_networks_come_first_in_their_order_behind_the_reference() -> None:
    space = catalogue.of(spec(**WIDE))
    reference = study.propose(spec(**WIDE), space, [], 0).candidate
    picked = [space.feasible[at] for at in (20, 3, 11)]
    assert reference not in picked
    search = spec(warm_start={"enqueue": [point(each) for each in picked]}, **WIDE)
    found = proposed(search, 8)
    assert found[:4] == [reference.identity, *(each.identity for each in picked)]
    assert len(set(found)) == 8


def test_any_coefficients_of_a_network_enqueue_it() -> None:
    """Not only those that the catalogue names it by."""
    search = spec(**WIDE)
    space = catalogue.of(search)
    candidate = space.feasible[5]
    low, high = catalogue.intervals(search, candidate)["alpha"]
    other = {**point(candidate), "alpha": high if candidate.coefficients.alpha != high else low}
    assert proposed(spec(warm_start={"enqueue": [other]}, **WIDE), 2)[1] == candidate.identity


def test_the_reference_may_be_enqueued_too() -> None:
    space = catalogue.of(spec(**WIDE))
    reference = study.propose(spec(**WIDE), space, [], 0).candidate
    search = spec(warm_start={"enqueue": [point(reference), point(space.feasible[3])]}, **WIDE)
    assert proposed(search, 2) == [reference.identity, space.feasible[3].identity]
    assert len(set(proposed(search, 6))) == 6


def test_an_infeasible_network_is_refused_and_the_nearest_feasible_one_named() -> None:
    feasible = point(catalogue.of(spec(**WIDE)).feasible[0])
    search = spec(warm_start={"enqueue": [feasible, {"alpha": 2.0, "beta": 1.5, "gamma": 1.5}]}, **WIDE)
    with pytest.raises(InvalidSpec, match=r"alpha 2, beta 1.5, gamma 1.5 gives no feasible network") as caught:
        plan(search)
    assert caught.value.pointer == "/warm_start/enqueue/1"
    named = str(caught.value).partition("the nearest feasible one is ")[2]
    said = {word.split()[0]: float(word.split()[1]) for word in named.partition(" (")[0].split(", ")}
    space = catalogue.of(search)
    place = warm_start.position(search, space, (said["alpha"], said["beta"], said["gamma"]))
    assert place is not None


def test_coefficients_that_no_network_has_are_refused_as_well() -> None:
    search = spec(
        phi=2, warm_start={"enqueue": [{"alpha": 64.0, "beta": 1.0, "gamma": 1.0}]}, target={"tolerance": 0.3}
    )
    with pytest.raises(InvalidSpec, match="gives no feasible network"):
        plan(search)


def test_a_network_is_enqueued_once() -> None:
    first, second = (point(catalogue.of(spec(**WIDE)).feasible[at]) for at in (0, 1))
    with pytest.raises(InvalidSpec, match="gives the same network as /warm_start/enqueue/0") as caught:
        plan(spec(warm_start={"enqueue": [first, second, first]}, **WIDE))
    assert caught.value.pointer == "/warm_start/enqueue/2"


def test_known_networks_are_not_trained_again() -> None:
    space = catalogue.of(spec(**WIDE))
    known = [point(each, accuracy=0.9) for each in space.feasible[:20]]
    search = spec(warm_start={"trials": known}, trials=100, **WIDE)
    reference = study.propose(search, space, [], 0).candidate
    left = {each.identity for each in space.feasible[20:]} | {reference.identity}
    found = proposed(search, len(left))
    assert set(found) == left
    records = [trial(at, candidate=space.feasible[space.positions[each]]) for at, each in enumerate(found)]
    with pytest.raises(CatalogueExhausted, match="have been proposed or are known"):
        study.propose(search, space, records, len(records))


@pytest.mark.parametrize("sampler", LEARNING)
def test_known_results_steer_from_the_first_proposal_on(sampler: str) -> None:
    space = catalogue.of(spec(baseline="efficientnet-b0"))
    deep = sorted(space.feasible, key=lambda each: -each.coefficients.alpha)

    def mean_alpha(best: list[Candidate]) -> float:
        known = [point(each, accuracy=0.9 if each in best else 0.1) for each in (*deep[:15], *deep[-15:])]
        found = []
        for seed in range(4):
            chosen = {"name": sampler, "startup_trials": 8}
            search = spec(baseline="efficientnet-b0", sampler=chosen, seed=seed, warm_start={"trials": known})
            found += [study.propose(search, space, [], number).candidate.coefficients.alpha for number in range(1, 4)]
        return sum(found) / len(found)

    assert mean_alpha(deep[:15]) > mean_alpha(deep[-15:]) + 0.2


def test_what_lies_outside_the_space_is_not_told_and_what_is_not_feasible_is() -> None:
    inside, outside = {"alpha": 2.0, "beta": 1.5, "gamma": 1.5}, {"alpha": 2.5, "beta": 1.0, "gamma": 1.0}
    trials = [{**each, "accuracy": 0.7} for each in (inside, outside)]
    search = spec(warm_start={"trials": trials}, **WIDE)
    observations = History.of(search, catalogue.of(search), []).before(1).observations
    assert observations.points.tolist() == [pytest.approx([1.0, 1.0, 1.0])]
    assert observations.values.tolist() == [[0.7]]


@pytest.mark.parametrize(
    "warm",
    [
        {"enqueue": [{"alpha": 1.2, "beta": 1.1}]},
        {"enqueue": [{"alpha": 0.0, "beta": 1.1, "gamma": 1.0}]},
        {"trials": [{"alpha": 1.2, "beta": 1.1, "gamma": 1.0, "accuracy": 1.1}]},
        {"trials": [{"alpha": 1.2, "beta": 1.1, "gamma": 1.0}]},
        {"searches": [7]},
        {"results": []},
    ],
)
def test_what_is_no_warm_start_is_refused(warm: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="warm_start"):
        spec(warm_start=warm)
