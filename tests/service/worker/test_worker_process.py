"""A worker and its trainer as processes, on a running service."""

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from service.worker.worker import INTERRUPTED
from tests.acceptance.stack import Document, Stack, stack
from tests.service.conftest import TINY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SPEC: Document = {
    "dataset": "digits",
    "baseline": TINY.document(),
    "target": {"ratio": 1.0, "tolerance": 0.5},
    "space": {"alpha": [1, 1], "beta": [1, 1], "gamma": [1, 1]},
    "trials": 1,
    "finalists": {"count": 0},
    "controls": False,
    "pruner": {"name": "none"},
    "recipe": {"epochs": 60, "batch_size": 64},
}


def trainer_of(stack: Stack, worker: str) -> psutil.Process:
    """The trainer process of a worker."""
    (trainer,) = psutil.Process(stack.running[worker].pid).children()
    return trainer


def epoch(number: int) -> Callable[[Document], bool]:
    """An event that says so many epochs are done."""
    return lambda event: event["type"] == "trial.epoch" and event["data"]["epoch"] >= number


def test_a_killed_trainer_costs_one_attempt_and_its_worker_goes_on(tmp_path: Path, compile_cache: Path) -> None:
    with stack(tmp_path, compile_cache=compile_cache) as running:
        search_id = running.submit(SPEC)
        running.start_worker("w")
        running.until(search_id, epoch(5), "five epochs")
        trainer_of(running, "w").send_signal(signal.SIGKILL)
        assert running.finished(search_id)["state"] == "succeeded", running.logs()
        (trial,) = running.details(search_id)
        assert running.terminate("w") == 0
    (run,) = trial["runs"]
    assert [attempt["outcome"] for attempt in run["attempts"]] == ["crashed", "completed"]
    assert "SIGKILL" in run["attempts"][0]["message"]
    assert [entry["epoch"] for entry in run["history"]] == list(range(1, 61))


def test_seeds_that_are_one_program_are_given_back_and_trained_again_together(
    tmp_path: Path, compile_cache: Path
) -> None:
    finals = {**SPEC, "finalists": {"count": 1, "seeds": 2}, "parallelism": 2}
    with stack(tmp_path, compile_cache=compile_cache) as running:
        running.environment |= {"EFFSCALE_PACK": "2", "EFFSCALE_CHECKPOINT_SECONDS": "3600"}
        search_id = running.submit(finals)
        running.start_worker("w")
        running.until(
            search_id, lambda event: epoch(5)(event) and event["data"]["role"] == "final", "five epochs of a final"
        )
        trainer_of(running, "w").send_signal(signal.SIGKILL)
        assert running.finished(search_id)["state"] == "succeeded", running.logs()
        (trial,) = running.details(search_id)
        assert running.terminate("w") == 0
    search, *pair = trial["runs"]
    assert search["packed"] == 1
    for run in pair:
        assert [attempt["outcome"] for attempt in run["attempts"]] == ["crashed", "completed"]
        assert "SIGKILL" in run["attempts"][0]["message"]
        assert [entry["epoch"] for entry in run["history"]] == list(range(1, 61))
        assert run["packed"] == 2
    assert pair[0]["device_seconds"] == pytest.approx(pair[1]["device_seconds"])


def test_a_second_signal_ends_worker_and_trainer_at_once(tmp_path: Path, compile_cache: Path) -> None:
    with stack(tmp_path, compile_cache=compile_cache) as running:
        long = {**SPEC, "recipe": {"epochs": 10_000, "batch_size": 64}}
        search_id = running.submit(long)
        running.start_worker("w")
        running.until(search_id, epoch(2), "two epochs")
        trainer = trainer_of(running, "w")
        trainer.suspend()  # an epoch that never ends
        worker = running.running["w"]
        worker.send_signal(signal.SIGINT)
        with pytest.raises(psutil.TimeoutExpired):
            psutil.Process(worker.pid).wait(timeout=1.0)
        worker.send_signal(signal.SIGINT)
        assert worker.wait(10) == INTERRUPTED
        del running.running["w"]
        trainer.wait(timeout=10)
