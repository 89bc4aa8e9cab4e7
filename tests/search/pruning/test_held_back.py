from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from search.pruning.entrant import Entrant
from search.pruning.held_back import going_on, when_stopped
from search.pruning.pruning import decide, settle
from tests.search.race import Race
from tests.search.records import spec

TWO = spec(
    trials=6, recipe={"epochs": 20}, pruner={"min_epochs": 2, "reduction_factor": 3}, finalists={"count": 2, "seeds": 2}
)


def held(number: int, epoch: int, accuracy: float) -> Entrant:
    return Entrant(number, over=True, values={epoch: accuracy}, held=True)


def completed(number: int) -> Entrant:
    return Entrant(number, over=True, values={}, last=0.9)


def running(number: int, accuracy: float) -> Entrant:
    return Entrant(number, over=False, values={2: accuracy})


def test_while_too_few_have_completed_the_best_that_were_stopped_are_held_back() -> None:
    field = {0: running(0, 0.9), 1: running(1, 0.5), 2: running(2, 0.4)}
    assert [decide(TWO, 6, field, number) for number in field] == ["continue", "hold", "hold"]
    kept = {0: completed(0), 1: held(1, 2, 0.5), 2: held(2, 2, 0.4)}
    assert when_stopped(TWO, {**kept, 3: running(3, 0.3)}, 3) == "stop"  # two better ones are enough
    assert when_stopped(TWO, {**kept, 3: running(3, 0.45)}, 3) == "hold"
    pushed_out = {**kept, 3: held(3, 2, 0.45), 4: running(4, 0.1), 5: running(5, 0.2)}
    assert settle(TWO, 6, pushed_out, [1, 2, 3]) == {2: "stop"}


def test_once_enough_have_completed_nobody_is_held_back() -> None:
    field = {0: completed(0), 1: completed(1), 2: held(2, 2, 0.5), 3: running(3, 0.3)}
    assert when_stopped(TWO, field, 3) == "stop"
    assert settle(TWO, 6, field, [2]) == {2: "stop"}


def test_the_best_go_on_when_all_others_are_over() -> None:
    field = {0: completed(0), 1: held(1, 2, 0.9), 2: held(2, 6, 0.4)}
    assert going_on(TWO, 4, field) == frozenset()  # one more will be proposed
    assert going_on(TWO, 4, {**field, 3: running(3, 0.1)}) == frozenset()
    over = {**field, 3: Entrant(3, over=True, values={})}
    assert going_on(TWO, 4, over) == {2}  # it came further
    assert settle(TWO, 4, over, [1, 2]) == {2: "go on"}
    gone_on = Entrant(2, over=False, values={6: 0.4}, goes_on=True)
    assert settle(TWO, 4, {**over, 2: gone_on}, [1]) == {}
    assert decide(TWO, 4, {**over, 2: gone_on}, 2) == "continue"  # no rung judges it any more
    failed = Entrant(2, over=True, values={6: 0.4}, goes_on=True)
    assert settle(TWO, 4, {**over, 2: failed}, [1]) == {1: "go on"}
    assert settle(TWO, 4, {**over, 2: completed(2)}, [1]) == {1: "stop"}


def test_of_equal_ones_the_earlier_goes_on() -> None:
    field = {0: completed(0), 1: held(1, 2, 0.5), 2: held(2, 2, 0.5), 3: Entrant(3, over=True, values={})}
    assert going_on(TWO, 4, field) == {1}


@given(
    st.integers(0, 6),
    st.sampled_from(["asha", "hyperband", "median", "curve"]),
    st.randoms(use_true_random=False),
    st.lists(st.lists(st.integers(0, 9), min_size=7, max_size=7), min_size=1, max_size=14),
)
def test_a_pruner_leaves_as_many_as_the_finals_need(count: int, name: str, chance: Any, right: list[list[int]]) -> None:
    trials, curves = len(right), [[one / 9 for one in curve] for curve in right]
    search = spec(
        trials=trials,
        recipe={"epochs": 7, "warmup_epochs": 0},
        pruner={"name": name, "min_epochs": 1, "reduction_factor": 3},
        finalists={"count": min(count, trials)},
    )
    races = [
        Race(search, curves, parallelism=parallelism, choose=chance.choice) for parallelism in (1, 4, 16) for _ in "ab"
    ]
    first, *others = [race.run() for race in races]
    assert all(other == first for other in others)
    assert sum(state == "completed" for state, _ in first.values()) >= min(count, trials)
