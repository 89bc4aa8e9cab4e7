"""Programs are made once, whoever asks, and each training says what it took to get its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.compiler.single_flight import Shelf
from models.recipe.recipe import TrainingRecipe
from models.scaling.baselines import EFFICIENTNET_NANO
from models.training import fit, programs
from models.training.fit import Training
from tests.models.small import digits

PATIENCE_SECONDS = 60.0  # a thread that hangs fails the test instead of stopping it
TINY = EFFICIENTNET_NANO.build((1, 1, 1), (8, 8, 8, 8, 8), 16)  # no other test's: its program is not at hand


class Kitchen:
    """Makes what is asked for when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.fails = False

    def make(self, what: str) -> str:
        """In upper case; a slow thing waits for `go`."""
        self.asked.append(what)
        self.begun.release()
        if what == "slow":
            assert self.go.wait(PATIENCE_SECONDS)
        if self.fails:
            raise ValueError(what)
        return what.upper()


def test_what_one_thread_makes_another_waits_for_and_others_do_not() -> None:
    kitchen = Kitchen()
    shelf = Shelf(kitchen.make, 2)
    with ThreadPoolExecutor(2) as threads:
        slow = [threads.submit(shelf.get, "slow") for _ in range(2)]
        assert kitchen.begun.acquire(timeout=PATIENCE_SECONDS)
        assert shelf.get("quick") == "QUICK"
        assert not any(one.done() for one in slow)
        kitchen.go.set()
        assert [one.result(PATIENCE_SECONDS) for one in slow] == ["SLOW", "SLOW"]
    assert kitchen.asked == ["slow", "quick"]
    assert shelf.cache_info().misses == 2


def test_what_failed_is_tried_again_by_the_next_who_asks() -> None:
    kitchen = Kitchen()
    shelf = Shelf(kitchen.make, 2)
    kitchen.fails = True
    with pytest.raises(ValueError, match="pie"):
        shelf.get("pie")
    kitchen.fails = False
    assert shelf.get("pie") == "PIE"


def test_a_program_made_ahead_is_not_waited_for_and_its_seconds_stand_apart() -> None:
    data, recipe = digits(), TrainingRecipe(epochs=2, batch_size=32)
    before = programs._program.cache_info().misses
    ahead = threading.Thread(target=fit.prepare, args=(TINY, recipe, data))
    ahead.start()
    ahead.join(PATIENCE_SECONDS)
    training = Training(TINY, recipe, data, seed=1)
    epochs = list(training)
    found = training.summary()
    assert programs._program.cache_info().misses == before + 1
    assert (found["programs_compiled"], found["programs_cached"]) == (1, 0)
    assert found["compiled_ahead_seconds"] > found["compile_seconds"] == sum(epoch.compile_seconds for epoch in epochs)

    fit.prepare(TINY, recipe, data)  # it is there already
    again = Training(TINY, recipe, data, seed=2)
    next(iter(again))
    assert programs._program.cache_info().misses == before + 1
    assert (again.summary()["programs_compiled"], again.summary()["compiled_ahead_seconds"]) == (0, 0.0)


def test_what_a_program_took_travels_with_the_checkpoint() -> None:
    data, recipe = digits(), TrainingRecipe(epochs=2, batch_size=30)
    first = Training(TINY, recipe, data, seed=1)
    next(iter(first))
    second = Training(TINY, recipe, data, seed=1)
    second.restore(first.checkpoint())
    list(second)
    assert first.summary()["programs_compiled"] == second.summary()["programs_compiled"] == 1
    assert second.summary()["compile_seconds"] >= first.summary()["compile_seconds"] > 0
