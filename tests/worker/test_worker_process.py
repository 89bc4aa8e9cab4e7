"""A worker and its trainer as processes, on a running service."""

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from search import catalogue
from search.spec import SearchSpec
from service.worker import INTERRUPTED
from tests.acceptance.stack import Document, Stack, stack
from tests.worker.conftest import TINY, Trainer, tiny_job

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SPEC: Document = {
    "dataset": "digits",
    "baseline": TINY.document(),
    "target": {"ratio": 1.0, "tolerance": 0.5},
    "space": {"alpha": [1, 1], "beta": [1, 1], "gamma": [1, 1]},
    "trials": 1,
    "finalists": {"count": 0},
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


def test_trials_that_waited_at_a_rung_end_as_if_they_had_not(
    tmp_path: Path, compile_cache: Path, shared_trainer: Trainer
) -> None:
    spec = {
        **SPEC,
        "target": {"ratio": 2.0, "tolerance": 0.9},
        "space": {"alpha": [1, 3], "beta": [1, 2], "gamma": [1, 1.5], "resolution_multiple": 2},
        "trials": 10,
        "sampler": {"name": "random"},
        "pruner": {"name": "asha", "min_epochs": 1, "reduction_factor": 2},
        "recipe": {"epochs": 4, "batch_size": 64},
    }
    with stack(tmp_path, compile_cache=compile_cache) as running:
        search_id = running.submit(spec)
        running.start_worker("w")
        assert running.finished(search_id)["state"] == "succeeded", running.logs()
        trials = running.details(search_id)
        told = running.get(f"/v1/searches/{search_id}/events", limit=1000)["items"]
        assert "resumes after epoch" in running.logs()
        assert running.terminate("w") == 0
    epochs = [(event["data"]["number"], event["data"]["epoch"]) for event in told if event["type"] == "trial.epoch"]
    assert len(set(epochs)) == len(epochs) == sum(trial["epochs"] for trial in trials) < 40
    waited = [trial for trial in trials if trial["state"] == "completed" and len(trial["runs"][0]["attempts"]) > 1]
    assert waited
    (run,), network = waited[0]["runs"], waited[0]["architecture"]
    assert [attempt["outcome"] for attempt in run["attempts"]][-2:] == ["paused", "completed"]
    largest = max(candidate.resolution for candidate in catalogue.of(SearchSpec.model_validate(spec)).feasible)
    work = {
        **tiny_job(**spec["recipe"]),
        **{name: network[name] for name in ("depths", "resolution", "dropout", "drop_path")},
        "widths": [network["stem"], *network["widths"], network["head"]],
        "dataset_px": largest,
        "seed": run["seed"],
    }
    shared_trainer.train(work)
    shared_trainer.hear("started")
    alone = [epoch["metrics"] for epoch in shared_trainer.epochs(4)]
    shared_trainer.hear("result")
    shared_trainer.hear("idle")
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert [epoch[name] for epoch in run["history"]] == [epoch[name] for epoch in alone]
