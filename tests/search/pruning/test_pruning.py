import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.pruning import brackets
from search.pruning.entrant import Entrant
from search.pruning.extrapolation import EXPONENTS, upper_bound
from search.pruning.pruning import awaited, decide, settle
from search.spec.spec import SearchSpec
from tests.search.race import Race
from tests.search.records import spec

FINALLESS: dict[str, Any] = {"finalists": {"count": 0}, "sampler": {"window": 16}}  # nobody is held back


def pruned(name: str, epochs: int, min_epochs: int, **changes: Any) -> SearchSpec:
    pruner = {"name": name, "min_epochs": min_epochs, "reduction_factor": 3}
    return spec(recipe={"epochs": epochs}, pruner=pruner, **{**FINALLESS, **changes})


ASHA, MEDIAN, HYPERBAND = pruned("asha", 20, 2), pruned("median", 8, 3), pruned("hyperband", 20, 2)
CURVE = pruned("curve", 20, 5, sampler={"window": 2})
NEVER = spec(pruner={"name": "none"}, **FINALLESS)


def entrants(values: Sequence[float | None], epoch: int) -> dict[int, Entrant]:
    """Trials that have reached this epoch with this accuracy, or that are not there yet (None)."""
    return {
        number: Entrant(number, over=False, values={} if value is None else {epoch: value})
        for number, value in enumerate(values)
    }


def test_rungs() -> None:
    assert brackets.rungs(ASHA, 5) == (2, 6, 18)
    assert brackets.rungs(spec(recipe={"epochs": 18}, pruner={"min_epochs": 2}), 0) == (2, 6)
    assert brackets.rungs(MEDIAN, 0) == (3,)
    assert brackets.rungs(NEVER, 0) == ()
    assert brackets.rungs(spec(recipe={"epochs": 2}, pruner={"min_epochs": 2}), 0) == ()


def test_each_bracket_of_hyperband_begins_a_rung_later() -> None:
    assert [brackets.rungs(HYPERBAND, number) for number in range(4)] == [(2, 6, 18), (6, 18), (18,), (2, 6, 18)]
    assert list(brackets.cohort(HYPERBAND, 100, 4, 0)) == [1, 4, 7]  # its own bracket, and a window of 16


def test_a_block_of_exactly_the_most_is_whole() -> None:
    assert [brackets.size(3, rung, 8) for rung in range(3)] == [3, 3, 3]
    assert [brackets.size(3, rung, 9) for rung in range(3)] == [3, 9, 9]
    assert [brackets.size(3, rung, 27) for rung in range(4)] == [3, 9, 27, 27]
    assert [brackets.size(3, rung, 2) for rung in range(2)] == [2, 2]


def test_there_is_always_a_bracket_and_only_hyperband_has_more() -> None:
    assert brackets.brackets(spec(recipe={"epochs": 2}, pruner={"name": "hyperband", "min_epochs": 2})) == 1
    assert brackets.brackets(spec(recipe={"epochs": 3}, pruner={"name": "hyperband", "min_epochs": 2})) == 1
    assert [brackets.brackets(search) for search in (HYPERBAND, ASHA, MEDIAN, NEVER)] == [3, 1, 1, 1]


@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 200), st.sampled_from(["asha", "hyperband", "median"]))
def test_a_block_fits_the_window_and_lies_in_one_block_of_each_later_rung(
    factor: int, window: int, number: int, name: str
) -> None:
    search = spec(
        recipe={"epochs": 100},
        pruner={"name": name, "min_epochs": 1, "reduction_factor": factor},
        sampler={"window": window},
    )
    ends = [brackets.cohort(search, 10**6, number, rung)[-1] for rung in range(len(brackets.rungs(search, number)))]
    assert ends == sorted(ends)
    for rung, end in enumerate(ends):
        first = min(other for other in range(number + 1) if _end(search, other, rung) == end)
        assert first <= number <= end < first + window


def _end(search: SearchSpec, number: int, rung: int) -> int | None:
    if number % brackets.brackets(search) and rung >= len(brackets.rungs(search, number)):
        return None
    return brackets.cohort(search, 10**6, number, rung)[-1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, 0.9, 0.8], ["stop", "continue", "stop"]),
        ([0.5, 0.9, None], ["stop", "await", "continue"]),  # the first is out whatever comes
        ([0.5, 0.9, 0.8, 0.7, 0.85, 0.1], ["stop", "continue", "stop", "stop", "continue", "stop"]),  # ceil(6 / 3)
        ([0.5, 0.5, 0.5], ["continue", "stop", "stop"]),  # of equal ones the earlier
    ],
)
def test_asha_keeps_one_in_three_of_all_judged_so_far(values: list[float | None], expected: list[str]) -> None:
    field = entrants(values, 2)
    assert [decide(ASHA, 30, field, number) for number in field] == expected


def test_whoever_waits_is_told_for_whom() -> None:
    field = entrants([0.9, None, 0.8, 0.85], 2)
    assert decide(ASHA, 4, field, 0) == "await"
    assert awaited(ASHA, 4, field, 0) == "after epoch 2 it waits until trial 2 and those before have come as far"
    assert decide(ASHA, 4, field, 3) == "await"  # the block ends with the search
    assert "until trial 5 and" in awaited(ASHA, 30, field, 3)
    assert awaited(ASHA, 30, field, 1) == ""


def test_what_is_over_is_waited_for_no_more() -> None:
    field = entrants([0.9, None, 0.8], 2)
    field[1] = Entrant(1, over=True, values={})
    assert [decide(ASHA, 30, field, number) for number in (0, 2)] == ["continue", "stop"]
    assert settle(ASHA, 30, field, [0, 2]) == {0: "continue", 2: "stop"}
    early = Entrant(1, over=True, values={}, last=0.95)  # patience ended it before the rung: its last epoch counts
    assert decide(ASHA, 30, {**field, 1: early}, 0) == "stop"


def test_median_stops_the_lower_half_once_five_are_judged() -> None:
    field = entrants([0.1, 0.2, 0.3], 3)
    assert [decide(MEDIAN, 30, field, number) for number in field] == ["continue"] * 3
    field = entrants([0.1, 0.2, 0.3, 0.15, 0.25, 0.4], 3)
    assert [decide(MEDIAN, 30, field, number) for number in (3, 4, 5)] == ["stop", "continue", "continue"]


def test_curve_stops_what_cannot_reach_the_best_any_more() -> None:
    def curve(end: float) -> dict[int, float]:
        return {epoch: end - 0.4 / epoch for epoch in range(1, 21)}

    best = Entrant(0, over=True, values=curve(0.9), last=curve(0.9)[20])
    half = {epoch: value for epoch, value in curve(0.6).items() if epoch <= 5}
    field = {0: best, 1: Entrant(1, over=False, values={1: 0.5}), 2: Entrant(2, over=False, values=half)}
    assert decide(CURVE, 30, field, 2) == "stop"
    assert decide(CURVE, 30, {**field, 2: Entrant(2, over=False, values=curve(0.95))}, 2) == "continue"
    assert decide(CURVE, 30, {**field, 0: Entrant(0, over=False, values={})}, 2) == "await"
    found = awaited(CURVE, 30, {**field, 0: Entrant(0, over=False, values={})}, 2)
    assert found == "after epoch 5 it waits until trial 0 and those before are over"
    assert decide(CURVE, 30, {**field, 1: Entrant(1, over=False, values=half)}, 1) == "continue"  # nothing before it


def test_with_a_cost_among_the_objectives_the_front_goes_on() -> None:
    fields = {"objectives": ["accuracy", "latency_ms", "macs"], "measure_latency": "all"}
    search = pruned("asha", 20, 2, **fields)
    values, macs = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [9, 8, 1, 8, 9, 9]
    field = {
        number: Entrant(number, over=False, values={2: value}, costs={"macs": cost})
        for number, (value, cost) in enumerate(zip(values, macs, strict=True))
    }
    assert [decide(search, 30, field, number) for number in field] == ["continue", "stop", "stop"] + ["stop"] * 3
    assert decide(search, 30, {0: field[0], 1: field[1]}, 1) == "await"
    bare = pruned("asha", 20, 2, objectives=["accuracy", "latency_ms"], measure_latency="all")
    assert decide(bare, 30, entrants([0.5, 0.9, None], 2), 0) == "stop"  # a time that nobody knows yet is no place
    cheap = Entrant(2, over=False, values=dict.fromkeys(range(1, 6), 0.5), costs={"macs": 1})
    best = Entrant(0, over=True, values={}, last=0.9, costs={"macs": 2})
    costly = pruned("curve", 20, 5, sampler={"window": 2}, objectives=["accuracy", "macs"])
    around = {0: best, 1: Entrant(1, over=False, values={}), 2: cheap}
    assert decide(costly, 30, around, 2) == "continue"
    assert decide(CURVE, 30, around, 2) == "stop"


@given(
    st.floats(0.3, 1.0),
    st.floats(0.0, 0.8),
    st.sampled_from(EXPONENTS),
    st.integers(4, 12),
    st.floats(0, 0.05),
    st.integers(0, 9),
)
def test_the_promise_of_a_curve_is_kept(
    end: float, fall: float, exponent: float, seen: int, noise: float, seed: int
) -> None:
    def curve(chance: random.Random) -> list[float]:
        return [end - fall * epoch**-exponent + noise * chance.uniform(-1, 1) for epoch in range(1, 41)]

    whole = curve(random.Random(seed))
    smooth = [end - fall * epoch**-exponent for epoch in range(1, 41)]
    bound = upper_bound(smooth[:seen], [], 40)
    assert bound == pytest.approx(min(1.0, max(0.0, smooth[-1])), abs=1e-6)
    finished = [curve(random.Random(other)) for other in range(10, 15)]
    raised = upper_bound(whole[:seen], finished, 40)
    assert upper_bound(whole[:seen], [], 40) <= raised <= 1.0


@given(st.integers(1, 20), st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_nothing_is_stopped_between_rungs_and_no_reference_ever(epoch: int, values: list[float]) -> None:
    field = entrants(values, epoch)
    field[0] = Entrant(0, over=False, values={2: 0.0}, reference=True)
    for search in (ASHA, HYPERBAND, MEDIAN, NEVER):
        assert decide(search, 30, field, 0) == "continue"
        assert all(decide(search, 30, field, number) == "continue" for number in field if epoch < 2)
    assert all(decide(NEVER, 30, field, number) == "continue" for number in field)


@st.composite
def races(draw: st.DrawFn) -> dict[str, Any]:
    """A search with known curves, some of whose trials fail."""
    epochs, trials = draw(st.integers(2, 9)), draw(st.integers(1, 24))
    accuracy = st.integers(0, 6).map(lambda right: right / 6)  # coarse: many are equal
    return {
        "spec": spec(
            recipe={"epochs": epochs, "warmup_epochs": 0},
            pruner={
                "name": draw(st.sampled_from(["asha", "hyperband", "median", "curve"])),
                "min_epochs": draw(st.integers(1, 3)),
                "reduction_factor": draw(st.integers(2, 4)),
            },
            sampler={"window": draw(st.integers(1, 20))},
            objectives=draw(st.sampled_from([["accuracy"], ["accuracy", "macs"]])),
            trials=24,
            finalists={"count": draw(st.integers(0, 5))},
        ),
        "curves": draw(
            st.lists(st.lists(accuracy, min_size=epochs, max_size=epochs), min_size=trials, max_size=trials)
        ),
        "fails": draw(st.dictionaries(st.integers(0, trials - 1), st.integers(1, epochs), max_size=3)),
    }


@settings(max_examples=150)
@given(races(), st.integers(1, 20), st.booleans(), st.randoms(use_true_random=False))
def test_no_order_and_no_parallelism_changes_an_end_and_nobody_waits_for_ever(
    race: dict[str, Any], parallelism: int, waits_for_results: bool, chance: random.Random
) -> None:
    alone = Race(**race, parallelism=1, choose=min)
    expected = alone.run()
    others = Race(**race, parallelism=parallelism, choose=chance.choice, waits_for_results=waits_for_results)
    assert others.run() == expected
    assert others.trained == alone.trained == sum(epochs for _, epochs in expected.values())
    ended = [state for state, _ in expected.values()]
    needed = min(race["spec"].finalist_count, len(ended))
    assert ended.count("completed") >= needed - ended.count("failed")  # a pruner leaves as many as the finals need


def test_a_third_of_each_rung_goes_on() -> None:
    chance = random.Random(0)
    curves = [[chance.random() for _ in range(20)] for _ in range(81)]
    race = Race(ASHA, curves, parallelism=4, choose=chance.choice)
    ends = race.run()
    passed = [sum(epochs > rung for _, epochs in ends.values()) for rung in brackets.ladder(ASHA)]
    assert passed[0] == pytest.approx(81 / 3, abs=6)
    assert passed[1] == pytest.approx(81 / 9, abs=5)
    assert race.pauses < 81  # what is certain is decided at once
